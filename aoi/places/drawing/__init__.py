"""Drawing an area on a picture of an image, in a browser on this machine."""

from aoi.places.drawing._outline import outline_of
from aoi.places.drawing._picture import Picture, picture_of
from aoi.places.drawing._server import ask

__all__ = ["Picture", "ask", "outline_of", "picture_of"]
