"""What the simulated town is made of: reflectance by band, roughness of the texture."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

BANDS = ("blue", "green", "red", "nir")

# name: reflectance (blue, green, red, nir); fine texture; stains.  The last two are standard
# deviations relative to the reflectance.  Values are typical of spectral libraries, rounded.
_MATERIALS: dict[str, tuple[tuple[float, float, float, float], float, float]] = {
    "yard": ((0.132, 0.150, 0.160, 0.205), 0.13, 0.14),
    "soil": ((0.115, 0.145, 0.172, 0.250), 0.12, 0.12),
    "grass": ((0.056, 0.084, 0.070, 0.330), 0.12, 0.14),
    "lawn": ((0.060, 0.090, 0.074, 0.320), 0.09, 0.08),
    "asphalt": ((0.104, 0.112, 0.113, 0.140), 0.07, 0.09),
    "lane": ((0.094, 0.101, 0.102, 0.128), 0.08, 0.10),
    "sidewalk": ((0.168, 0.182, 0.188, 0.220), 0.07, 0.06),
    "paving": ((0.156, 0.167, 0.172, 0.200), 0.045, 0.035),
    "paving_light": ((0.186, 0.200, 0.206, 0.236), 0.05, 0.045),
    "paving_red": ((0.120, 0.132, 0.168, 0.220), 0.06, 0.06),
    "paint": ((0.380, 0.390, 0.390, 0.420), 0.12, 0.10),
    "mark": ((0.255, 0.266, 0.269, 0.295), 0.12, 0.10),
    "embankment": ((0.190, 0.203, 0.210, 0.235), 0.09, 0.10),
    "water": ((0.060, 0.074, 0.058, 0.026), 0.025, 0.05),
    "fountain": ((0.110, 0.130, 0.110, 0.050), 0.08, 0.05),
    "floor": ((0.140, 0.151, 0.158, 0.188), 0.05, 0.06),
    "pen_floor": ((0.168, 0.177, 0.181, 0.210), 0.05, 0.05),
    "wall_new": ((0.330, 0.348, 0.355, 0.380), 0.04, 0.03),
    "rope": ((0.300, 0.312, 0.316, 0.345), 0.06, 0.05),
    "tree_a": ((0.046, 0.076, 0.056, 0.400), 0.15, 0.06),
    "tree_b": ((0.054, 0.090, 0.068, 0.440), 0.15, 0.06),
    "tree_c": ((0.042, 0.066, 0.050, 0.320), 0.15, 0.06),
    "roof_concrete": ((0.225, 0.245, 0.258, 0.290), 0.06, 0.10),
    "roof_grey": ((0.158, 0.168, 0.175, 0.205), 0.06, 0.11),
    "roof_bitumen": ((0.086, 0.092, 0.096, 0.120), 0.07, 0.14),
    "roof_white": ((0.320, 0.335, 0.340, 0.360), 0.04, 0.06),
    "roof_beige": ((0.190, 0.222, 0.240, 0.290), 0.05, 0.09),
    "roof_tile": ((0.092, 0.108, 0.158, 0.230), 0.08, 0.08),
    "roof_brown": ((0.092, 0.112, 0.138, 0.190), 0.08, 0.10),
    "roof_teal": ((0.100, 0.128, 0.100, 0.160), 0.06, 0.06),
    "roof_blue": ((0.165, 0.155, 0.125, 0.170), 0.04, 0.06),
    "facade_light": ((0.230, 0.250, 0.260, 0.300), 0.05, 0.05),
    "facade_warm": ((0.150, 0.185, 0.215, 0.270), 0.05, 0.05),
    "facade_grey": ((0.140, 0.152, 0.158, 0.185), 0.05, 0.05),
    "vehicle_white": ((0.420, 0.430, 0.430, 0.430), 0.03, 0.02),
    "vehicle_silver": ((0.260, 0.268, 0.270, 0.280), 0.03, 0.02),
    "vehicle_black": ((0.032, 0.033, 0.034, 0.045), 0.03, 0.02),
    "vehicle_blue": ((0.150, 0.100, 0.070, 0.110), 0.03, 0.02),
    "vehicle_red": ((0.055, 0.055, 0.210, 0.260), 0.03, 0.02),
    "glass": ((0.045, 0.048, 0.048, 0.055), 0.03, 0.02),
}

LABELS = {name: number for number, name in enumerate(_MATERIALS)}
"""The number that stands for a material in a map of labels."""

TREES = ("tree_a", "tree_b", "tree_c")


def reflectance() -> NDArray[np.float32]:
    """Reflectance of every label, of shape (label, band)."""
    return np.array([colour for colour, _, _ in _MATERIALS.values()], dtype=np.float32)


def roughness() -> NDArray[np.float32]:
    """Relative standard deviations of every label's texture, of shape (label, 2): fine, stains."""
    return np.array([(fine, stain) for _, fine, stain in _MATERIALS.values()], dtype=np.float32)


def members(names: Iterable[str]) -> NDArray[np.bool_]:
    """Which labels are among ``names``, of shape (label,)."""
    wanted = set(names)
    return np.array([name in wanted for name in _MATERIALS], dtype=bool)
