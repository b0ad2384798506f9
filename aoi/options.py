"""Options of places and products.  Standard library only, as ``imagery.options``."""

from __future__ import annotations

from dataclasses import dataclass

from imagery.strict import Strict, option


@dataclass(frozen=True, kw_only=True)
class AreaOptions(Strict):
    """The area of interest."""

    aoi: str | None = option(
        None,
        "Area of interest: a name (see: twopass aoi list), a file (GeoJSON, GeoPackage, KML, KMZ, "
        "shapefile, WKT), west,south,east,north in degrees, lon,lat,radius with a unit "
        "(125.75,39.02,250m), or WKT.  Default: where both images overlap.",
        metavar="AREA",
    )
    area_name: str | None = option(
        None, "Name of the area, for titles (default: that of the file or place).", metavar="TEXT"
    )


@dataclass(frozen=True, kw_only=True)
class ProductOptions(Strict):
    """Polygons and the case folder."""

    site_gap: float | None = option(
        None,
        "Changes closer than this many metres share a site (default: 5 m, and no less than 4 px).",
        metavar="METRES",
        least=0,
    )
    keep_aligned: bool = option(
        False, "Keep both scenes, aligned on the working grid, in the case (large)."
    )
    overwrite: bool = option(False, "Replace a case that exists.")
