"""Areas of interest: outlines from files, names and numbers, and the catalogue of places."""

from aoi.places.area import Area, area_from_overlap
from aoi.places.catalogue import names, place
from aoi.places.checks import check_against
from aoi.places.load import load_area
from aoi.places.position import coordinate_digits, mgrs_text

__all__ = [
    "Area",
    "area_from_overlap",
    "check_against",
    "coordinate_digits",
    "load_area",
    "mgrs_text",
    "names",
    "place",
]
