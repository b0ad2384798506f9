"""The command ``twopass``."""

from aoi.cli._main import main

__all__ = ["main"]
