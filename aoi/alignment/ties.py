"""Tie points as a GeoPackage that QGIS shows by itself: where it was measured, what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from aoi.geopackage import Layer, qml, symbol, write_layers
from imagery.coregister import TiePoints
from imagery.grid import Plan, moved

LAYER, ARROWS = "ties", "vectors"

EXAGGERATION = 50
"""How many times as long as on the ground the lines of the layer ``vectors`` are."""

CLASSES = (
    (0.25, "#1a9850", "up to 0.25 px"),
    (0.5, "#a6d96a", "0.25 to 0.5 px"),
    (1.0, "#fee08b", "0.5 to 1 px"),
    (2.0, "#f46d43", "1 to 2 px"),
    (1e9, "#a50026", "above 2 px"),
)
"""Colours of residuals: their upper end in px, the colour, and what it says."""


def tie_frame(ties: TiePoints, plan: Plan) -> gpd.GeoDataFrame:
    """The ties as points in the working grid's CRS, one row a tie.

    Columns end with their unit; x counts to the right and y *down* the rows of the working grid,
    as they do in pictures.
    """
    x, y = moved(plan.geobox.affine, ties.col + 0.5, ties.row + 0.5)
    size = plan.pixel_size_m
    residual = np.hypot(*ties.residual.T)
    values = {
        "row": ties.row,
        "col": ties.col,
        "shift_x_px": ties.shift[:, 1],
        "shift_y_px": ties.shift[:, 0],
        "shift_m": np.hypot(*ties.shift.T) * size,
        "residual_px": residual,
        "residual_m": residual * size,
        "residual_x_px": ties.residual[:, 1],
        "residual_y_px": ties.residual[:, 0],
        "sigma_px": ties.sigma,
        "coherence": ties.coherence,
        "use": np.where(ties.held_out, "check", "fit"),
        "status": ties.status.astype(str),
    }
    frame = pd.DataFrame(values).round(
        {name: 4 for name, column in values.items() if column.dtype.kind == "f"}
    )
    for name in ("use", "status"):
        frame[name] = frame[name].astype(object)
    return gpd.GeoDataFrame(frame, geometry=shapely.points(x, y), crs=_crs(plan))


def arrow_frame(ties: TiePoints, plan: Plan) -> gpd.GeoDataFrame:
    """Each tie's residual as a line from the tie, ``EXAGGERATION`` times as long.

    The line leads where the aligned image would still have to go.
    """
    ends = np.stack([ties.row, ties.col], axis=1) + EXAGGERATION * ties.residual
    lines = np.empty((len(ties), 2, 2))
    for at, place in enumerate((np.stack([ties.row, ties.col], axis=1), ends)):
        x, y = moved(plan.geobox.affine, place[:, 1] + 0.5, place[:, 0] + 0.5)
        lines[:, at] = np.column_stack([x, y])
    frame = pd.DataFrame(
        {
            "residual_px": np.hypot(*ties.residual.T).round(4),
            "exaggeration": np.full(len(ties), EXAGGERATION),
        }
    )
    return gpd.GeoDataFrame(frame, geometry=shapely.linestrings(lines), crs=_crs(plan))


def _crs(plan: Plan) -> Any:
    return None if plan.geobox.crs is None else plan.geobox.crs.to_wkt()


def write_ties(ties: TiePoints, plan: Plan, path: Path) -> None:
    """Write the layers ``ties`` and ``vectors`` with their QGIS styles.

    The same ties give the same bytes.  A file that is there is replaced.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    layers = [
        Layer(
            name=LAYER,
            frame=tie_frame(ties, plan),
            kind="Point",
            style=_qml("marker"),
            about="Ties by what the fitted shift leaves of them",
        ),
        Layer(
            name=ARROWS,
            frame=arrow_frame(ties, plan),
            kind="LineString",
            style=_qml("line"),
            about=f"Residuals, {EXAGGERATION} times as long",
        ),
    ]
    write_layers(layers, path)


def _qml(kind: Literal["line", "marker"]) -> str:
    """A QGIS style that colours by ``residual_px``."""
    ranges, symbols = [], []
    low = 0.0
    for number, (high, colour, label) in enumerate(CLASSES):
        ranges.append(
            f'<range lower="{low:.6f}" upper="{high:.6f}" symbol="{number}" label="{label}"'
            ' render="true"/>'
        )
        symbols.append(symbol(kind, str(number), _looks(kind, _rgba(colour))))
        low = high
    return qml(
        "graduatedSymbol",
        f"<ranges>{''.join(ranges)}</ranges><symbols>{''.join(symbols)}</symbols>",
        attributes=' attr="residual_px" graduatedMethod="GraduatedColor"',
    )


def _looks(kind: Literal["line", "marker"], colour: str) -> dict[str, str]:
    if kind == "line":
        return {"line_color": colour, "line_width": "0.4", "line_width_unit": "MM"}
    return {
        "name": "circle",
        "color": colour,
        "outline_color": "35,35,35,255",
        "outline_width": "0.2",
        "size": "2",
        "size_unit": "MM",
    }


def _rgba(colour: str) -> str:
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)) + ",255"
