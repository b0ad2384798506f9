"""Reading: a file becomes a scene, a scene's windows become pixels with their validity."""

from imagery.read._pixels import read_window
from imagery.read._scene import open_scene

__all__ = ["open_scene", "read_window"]
