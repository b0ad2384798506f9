"""Two passes over a place, and how comparable they are, as values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from imagery.record import Caution
from imagery.scene import Acquisition, Facts


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One passage over a place: when it was, and what is known of it."""

    acquisition: Acquisition
    facts: Facts = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Displacement:
    """How far a top, or the end of a shadow, lies from its foot in either image, in px."""

    before_px: float
    after_px: float
    least_px: float
    """The distance between both ends, at least and at most: equal where it is known."""

    most_px: float

    @property
    def px(self) -> float | None:
        """The distance between both ends; None where only its bounds are known."""
        known = math.isclose(self.least_px, self.most_px, abs_tol=1e-9)
        return self.most_px if known else None


@dataclass(frozen=True, kw_only=True)
class Comparability:
    """How comparable two passes are; None stands for what is unknown."""

    pixel_size_m: float
    height_m: float
    """What the displacements are told of: something of this height."""

    days: float | None
    """Days between the two, never negative; of intervals, between their middles."""

    season_days: float | None
    """Days between the two in the circle of the year, 0 to 183."""

    sun_elevation_change_deg: float | None
    """After - before."""

    sun_azimuth_change_deg: float | None
    """After - before, clockwise, from -180 to 180."""

    shadow: Displacement | None
    lean: Displacement | None
    same_orbit: bool | None
    same_platform: bool | None
    same_family: bool | None
    """Whether both carry the same kind of sensor: Sentinel-2A and Sentinel-2B do."""

    radar: tuple[bool, bool]
    """Whether before, and after, are radar images, for which sun and lean aren't told."""

    penalty: float = 0.0
    """For ranking: the smaller, the more comparable; of no unit."""

    sentences: tuple[str, ...] = ()
    """All of it in plain words, what is unknown last."""

    unknown: tuple[str, ...] = ()
    """Those of the sentences that say what is unknown, and which option supplies it."""

    cautions: tuple[Caution, ...] = ()

    @property
    def shadow_px(self) -> tuple[float, float, float] | None:
        """Length before, length after, distance between the ends; None if any is unknown."""
        if self.shadow is None or self.shadow.px is None:
            return None
        return self.shadow.before_px, self.shadow.after_px, self.shadow.px

    @property
    def lean_px(self) -> float | None:
        """How far the top moves between the images; None where unknown, or only bounded."""
        return None if self.lean is None else self.lean.px
