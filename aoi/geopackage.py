"""GeoPackages that QGIS shows by themselves: layers, each with its style inside."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import geopandas as gpd

from imagery.errors import OutputError

# The same file for the same layers: the times that the format asks for say nothing.
_NO_TIME = "2000-01-01T00:00:00.000Z"

_STYLES = """CREATE TABLE layer_styles (
 id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT, f_table_schema TEXT,
 f_table_name TEXT, f_geometry_column TEXT, styleName TEXT, styleQML TEXT, styleSLD TEXT,
 useAsDefault BOOLEAN, description TEXT, owner TEXT, ui TEXT, update_time DATETIME)"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One layer of a GeoPackage."""

    name: str
    frame: gpd.GeoDataFrame
    kind: str
    """Its type of geometry; single ones are made multiple where it is one of many."""

    style: str
    """In QGIS' own form, QML."""

    about: str


def qml(renderer: str, content: str, *, attributes: str = "") -> str:
    """A style in QGIS' form, from a renderer's name and what it holds."""
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        '<qgis version="3.28.0" styleCategories="Symbology">'
        f'<renderer-v2 type="{renderer}"{attributes} symbollevels="0" enableorderby="0"'
        f' forceraster="0">{content}</renderer-v2></qgis>\n'
    )


def symbol(kind: Literal["fill", "line", "marker"], name: str, options: Mapping[str, str]) -> str:
    """A simple symbol of a style."""
    told = "".join(
        f'<Option type="QString" name="{key}" value="{value}"/>' for key, value in options.items()
    )
    return (
        f'<symbol type="{kind}" name="{name}" alpha="1" force_rhr="0" clip_to_extent="1">'
        f'<layer class="Simple{kind.title()}" enabled="1" locked="0" pass="0">'
        f'<Option type="Map">{told}</Option></layer></symbol>'
    )


def single_symbol(kind: Literal["fill", "line", "marker"], options: Mapping[str, str]) -> str:
    """The style that draws every feature alike."""
    return qml("singleSymbol", f"<symbols>{symbol(kind, '0', options)}</symbols>")


def write_layers(layers: Sequence[Layer], path: Path) -> None:
    """Write layers with their styles.

    The same layers give the same bytes.  A file that is there is replaced.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    try:
        path.unlink(missing_ok=True)
        with warnings.catch_warnings():
            # That a frame that is not georeferenced has no CRS is known.
            warnings.filterwarnings("ignore", message="'crs' was not provided")
            for layer in layers:
                layer.frame.to_file(
                    path,
                    layer=layer.name,
                    driver="GPKG",
                    engine="pyogrio",
                    geometry_type=layer.kind,
                    promote_to_multi=layer.kind.startswith("Multi"),
                    mode="a" if path.exists() else "w",
                    layer_options={"GEOMETRY_NAME": "geom"},
                )
        with closing(sqlite3.connect(path)) as database, database:
            _add_styles(database, layers)
    except (OSError, RuntimeError, sqlite3.Error) as error:
        raise OutputError(
            f"{path.name}: cannot be written", found=error, needed="a folder to write into"
        ) from error


def _add_styles(database: sqlite3.Connection, layers: Sequence[Layer]) -> None:
    database.execute(_STYLES)
    for layer in layers:
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,"
            " f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner,"
            " ui, update_time) VALUES ('', '', ?, 'geom', ?, ?, '', 1, ?, '', NULL, ?)",
            (layer.name, layer.name, layer.style, layer.about, _NO_TIME),
        )
    database.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change)"
        " VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?)",
        (_NO_TIME,),
    )
    database.execute("UPDATE gpkg_contents SET last_change = ?", (_NO_TIME,))
