"""Reading: a file becomes a scene, a scene's windows become pixels with their validity."""

from imagery.read._masks import reasons, reasons_on
from imagery.read._means import block_means
from imagery.read._pixels import in_tiles, read_window
from imagery.read._scene import open_scene

__all__ = ["block_means", "in_tiles", "open_scene", "read_window", "reasons", "reasons_on"]
