"""What files are, before anybody pays for them or runs anything on them."""

from aoi.inspection._file import inspect_file
from aoi.inspection._model import Coverage, Inspected, Storage
from aoi.inspection._pair import Pair, inspect_pair
from aoi.inspection._plain import file_values, pair_values
from aoi.inspection._quicklook import write_quicklooks
from aoi.inspection._words import file_rows, pair_rows

__all__ = [
    "Coverage",
    "Inspected",
    "Pair",
    "Storage",
    "file_rows",
    "file_values",
    "inspect_file",
    "inspect_pair",
    "pair_rows",
    "pair_values",
    "write_quicklooks",
]
