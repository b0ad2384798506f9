"""Areas of interest: outlines from files, names and numbers, and the catalogue of places."""

from aoi.places.area import Area, area_from_overlap
from aoi.places.catalogue import names, place
from aoi.places.checks import check_against
from aoi.places.load import load_area
from aoi.places.position import coordinate_digits, mgrs_text
from aoi.places.seams import DrawnSeams, drawn_seams, load_seams

__all__ = [
    "Area",
    "DrawnSeams",
    "area_from_overlap",
    "check_against",
    "coordinate_digits",
    "drawn_seams",
    "load_area",
    "load_seams",
    "mgrs_text",
    "names",
    "place",
]
