"""Clouds in a pair: masks that products bring, that a network makes, or mere suspicion."""

from imagery.clouds._choose import Masked, mask_scenes
from imagery.clouds._touched import touched_by_clouds

__all__ = ["Masked", "mask_scenes", "touched_by_clouds"]
