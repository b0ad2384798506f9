"""Two files aligned by the library, in this process: the one place that knows its interface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import pair_bands
from imagery.blocks import Window, tiles_over
from imagery.blockwise import engine, map_tiles
from imagery.coregister import Alignment, coregister
from imagery.errors import AlignmentError, InputError
from imagery.grid import Extent, Plan, plan_pair
from imagery.options import CoregisterOptions, EngineOptions, GridOptions, ReadOptions, SceneOptions
from imagery.read import open_scene
from imagery.scene import Role, Scene
from imagery.shift import Shift
from imagery.warp import warp_window
from imagery.write import create

ACCEPTED = ("trusted", "usable")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the library said of a pair."""

    verdict: str
    """trusted, usable, not measured, refused or "refused (input)"."""

    words: str = ""
    """Why it refused."""

    plan: Plan | None = None
    alignment: Alignment | None = None
    scenes: dict[Role, Scene] | None = None

    @property
    def accepted(self) -> bool:
        return self.verdict in ACCEPTED

    def residual(self, name: str = "residual") -> Any:
        """A residual of the alignment, None where there is none or it isn't known yet."""
        return getattr(self.alignment, name, None)


def align(
    before: Path,
    after: Path,
    *,
    extent: Extent | None = None,
    read: ReadOptions | None = None,
    bands: tuple[str | None, str | None] = (None, None),
    workers: int | None = 1,
) -> Answer:
    """Align two files, and catch what a refusal raises."""
    read = read or ReadOptions()
    with engine(EngineOptions(workers=workers)) as executor:
        plan = None
        try:
            scenes: dict[Role, Scene] = {
                role: open_scene(
                    path, role=role, scene_options=SceneOptions(bands=chosen), read_options=read
                )
                for role, path, chosen in (
                    ("before", before, bands[0]),
                    ("after", after, bands[1]),
                )
            }
            plan = plan_pair(scenes["before"], scenes["after"], extent, options=GridOptions())
            paired = pair_bands(scenes["before"], scenes["after"], explicit=any(bands))
            alignment = coregister(
                plan, scenes, paired, options=CoregisterOptions(), executor=executor
            )
        except AlignmentError as error:
            return Answer(verdict="refused", words=str(error), plan=plan)
        except InputError as error:
            return Answer(verdict="refused (input)", words=str(error), plan=plan)
    # An alignment that is refused may also come as a value.
    refusal = getattr(alignment, "refusal", None)
    return Answer(
        verdict=str(alignment.verdict),
        words=str(refusal) if refusal else "",
        plan=plan,
        alignment=alignment,
        scenes=scenes,
    )


def write_aligned(answer: Answer, path: Path) -> None:
    """The moving scene on the working grid, window by window, in its own data type."""
    plan, alignment, scenes = answer.plan, answer.alignment, answer.scenes
    if plan is None or alignment is None or scenes is None:
        raise ValueError("there is no alignment to write")
    scene = scenes[plan.moving]
    bands = list(range(1, len(scene.bands) + 1))
    kind = np.dtype(scene.dtype)
    with (
        engine(EngineOptions()) as executor,
        create(path, geobox=plan.geobox, count=len(bands), dtype=kind.name, nodata=0) as raster,
    ):
        whole = Window(0, 0, *plan.geobox.shape)
        warp = partial(_warped, scene, plan.geobox, bands=bands, shift=alignment.shift, kind=kind)
        for window, data in map_tiles(warp, tiles_over(whole), executor=executor):
            raster.write(window, data)


def _warped(
    scene: Scene, grid: GeoBox, window: Window, *, bands: list[int], shift: Shift, kind: np.dtype
) -> NDArray[np.generic]:
    tile = warp_window(scene, grid, window, bands=bands, shift=shift)
    info = np.iinfo(kind)
    data = np.clip(np.rint(tile.data), max(info.min, 1), info.max)
    return np.where(tile.valid, data, 0).astype(kind)
