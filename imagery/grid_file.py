"""The grid that a raster file lends."""

from __future__ import annotations

from pathlib import Path

from odc.geo.geobox import GeoBox

from imagery.env import open_raster
from imagery.errors import InputError, MissingInputError, UsageError


def grid_of_file(path: Path, *, georeferenced: bool, words: tuple[str, ...], use: str) -> GeoBox:
    """The grid of a raster that ``--grid`` names.

    Parameters
    ----------
    path
        The raster.
    georeferenced
        Whether the images are.
    words
        What the option takes beside a file.
    use
        What the grid is for: ``"work on"``.

    Raises
    ------
    UsageError
        If the images are not georeferenced.
    MissingInputError, InputError
        If there is no such file, or it is not georeferenced.
    """
    if not georeferenced:
        raise UsageError(
            "a file's grid is not for images without a georeference",
            found=path.name,
            needed=f"{', '.join(words[:-1])} or {words[-1]}",
            option="--grid",
        )
    needed = f"{', '.join(words)} or a georeferenced raster file"
    if not path.is_file():
        raise MissingInputError(
            f"{path.name}: no such grid or file",
            found="no file of that name",
            needed=needed,
            option="--grid",
        )
    with open_raster(path, option="--grid") as dataset:
        if dataset.crs is None or dataset.transform.is_degenerate:
            raise InputError(
                f"{path.name}: is not georeferenced, so it is no grid to {use}",
                found="no CRS" if dataset.crs is None else "no geotransform",
                needed=needed,
                option="--grid",
            )
        return GeoBox(dataset.shape, dataset.transform, dataset.crs)
