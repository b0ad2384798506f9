"""Maps and a page, drawn from a finished case folder alone."""

from __future__ import annotations

from pathlib import Path

__all__ = ["draw_report"]


def draw_report(case: Path, *, alignment: bytes | None = None) -> tuple[Path, ...]:
    """Draw the maps and the page of a finished case, anew where they exist.

    Parameters
    ----------
    case
        The case folder: its record, changes and rasters are read, nothing else.
    alignment
        The figure of the alignment as PNG, drawn from the case too; None where there is none.

    Returns
    -------
    tuple[Path, ...]
        What was written: ``maps/*.png`` and ``report.html``, each whole or not at all.

    Raises
    ------
    MissingInputError
        If the folder is no case, or a file of it isn't there.
    InputError
        If the record is damaged or of another schema.
    OutputError
        If the folder can't be written to.
    """
    # Matplotlib takes half a second to load: only a drawing pays for it.
    from aoi.output import write_whole
    from aoi.report.contents import read_contents
    from aoi.report.html import page
    from aoi.report.maps import alignment_plate, draw_maps, write_maps

    contents = read_contents(case)
    plates = draw_maps(contents)
    if alignment is not None:
        plates += (alignment_plate(contents, alignment),)
    written = write_maps(plates, case / "maps")
    html = write_whole(case / "report.html", page(contents, plates).encode())
    return (*written, html)
