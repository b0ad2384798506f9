"""Masks of clouds, shadows and bad pixels that come with products, or from the user."""

from imagery.masks._codes import (
    CLOUD,
    CLOUD_KINDS,
    KINDS,
    MASKING,
    SATURATED,
    SHADOW,
    SNOW,
    UNUSABLE,
    USER,
    WORDS,
)
from imagery.masks._find import find_masks
from imagery.masks._user import LeftOut, hashed, user_masks

__all__ = [
    "CLOUD",
    "CLOUD_KINDS",
    "KINDS",
    "MASKING",
    "SATURATED",
    "SHADOW",
    "SNOW",
    "UNUSABLE",
    "USER",
    "WORDS",
    "LeftOut",
    "find_masks",
    "hashed",
    "user_masks",
]
