"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import settings
from numpy.typing import NDArray

# A machine that does other work as well is no defect.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

UTM = Affine(10, 0, 500_000, 0, -10, 4_320_000)
"""Ten-metre pixels near Pyongyang's latitude, in EPSG:32651."""

WriteTif = Callable[..., Path]


@pytest.fixture
def data() -> Path:
    """The folder of real imagery."""
    place = os.environ.get("TWOPASS_DATA")
    if not place:
        pytest.skip("no real imagery: TWOPASS_DATA is not set")
    folder = Path(place)
    if not folder.is_dir():
        pytest.skip("no real imagery: TWOPASS_DATA is no folder")
    return folder


@pytest.fixture
def environment() -> Iterator[None]:
    """The raster environment of a run."""
    from imagery.env import raster_environment

    with raster_environment():
        yield


@pytest.fixture
def write_tif(tmp_path: Path) -> WriteTif:
    """Write an array, of shape (band, row, col), as an image; returns its path."""

    def write(
        array: NDArray[Any],
        name: str = "image.tif",
        *,
        crs: str | None = "EPSG:32651",
        transform: Affine | None = UTM,
        colours: tuple[str, ...] | None = None,
        descriptions: tuple[str | None, ...] | None = None,
        tags: dict[str, str] | None = None,
        scales: tuple[float, ...] | None = None,
        offsets: tuple[float, ...] | None = None,
        mask: NDArray[Any] | None = None,
        **profile: Any,
    ) -> Path:
        import rasterio
        from rasterio.enums import ColorInterp

        array = np.asarray(array)
        path = tmp_path / name
        options: dict[str, Any] = {"driver": "GTiff", "photometric": "minisblack", **profile}
        if options["driver"] != "GTiff":
            options.pop("photometric")
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"),
            rasterio.open(
                path,
                "w",
                count=array.shape[0],
                height=array.shape[1],
                width=array.shape[2],
                dtype=options.pop("dtype", array.dtype),
                crs=crs,
                transform=transform,
                **options,
            ) as dataset,
        ):
            if colours is not None:
                dataset.colorinterp = [ColorInterp[colour] for colour in colours]
            if descriptions is not None:
                dataset.descriptions = descriptions
            if scales is not None:
                dataset.scales = scales
            if offsets is not None:
                dataset.offsets = offsets
            dataset.update_tags(**(tags or {}))
            dataset.write(array)
            if mask is not None:
                dataset.write_mask(mask)
        return path

    return write
