"""What is made of an alignment: its ties for a GIS, its figure, its diagnosis, its files."""

from aoi.alignment.diagnosis import check_free, diagnose
from aoi.alignment.figure import draw_alignment
from aoi.alignment.job import Products, align_files
from aoi.alignment.pictures import picture
from aoi.alignment.stored import figure_of, keep_ties
from aoi.alignment.ties import write_ties
from aoi.alignment.words import Told

__all__ = [
    "Products",
    "Told",
    "align_files",
    "check_free",
    "diagnose",
    "draw_alignment",
    "figure_of",
    "keep_ties",
    "picture",
    "write_ties",
]
