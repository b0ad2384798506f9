"""The simulated pair of a parade ground, from the plan of the town to the files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.errors import OutputError
from imagery.simulate._blocks import blocks_plan
from imagery.simulate._crowns import Stamps, plant_trees
from imagery.simulate._displacement import make_displacement, origin_of
from imagery.simulate._frame import AXIS, CENTRE_LONLAT, CRS, PIXEL, Frame, heading, world
from imagery.simulate._ground import Ground, Plane, fractal_pair, make_ground
from imagery.simulate._materials import TREES, members, reflectance
from imagery.simulate._objects import Canvas, cast_shadows, park_vehicles, raise_solids, shows
from imagery.simulate._passes import AFTER, BEFORE, Pass
from imagery.simulate._plan import Plan, Planted, Vehicle
from imagery.simulate._sensor import record, sample_lattice, sample_moved
from imagery.simulate._square import parade_ground_plan, paved_square, planted_plan
from imagery.simulate._streets import planted_vehicle, streets_plan
from imagery.simulate._write import write_image, write_item, write_json, write_planted

_SKY = (0.44, 0.36, 0.30, 0.24)
"""What a shadow leaves of each band's light: the blue sky's share."""

_WARMTH = (-0.014, -0.003, 0.007, 0.012)
"""How each band follows the slow change of the ground's colour."""

_CLOUD_ALTITUDE = 0.16
"""Metres by pixel of the image's side: low, so that its shadow falls into the image too."""


def write_pair(folder: Path, *, seed: int, size: int) -> None:
    """Simulate both passes and write the pair, its STAC items and its truth."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder.name}: the folder cannot be made", found=error.strerror, needed="a folder"
        ) from error
    frame = Frame(size)
    # One stream a purpose, so that a change to one leaves the others as they were.
    streams = np.random.default_rng(seed).spawn(12)
    plan = _town(streams).seen_from(frame)
    ground = make_ground(frame, plan.surfaces, streams[4])
    stamps = Stamps(streams[5])
    model = make_displacement(size, streams[6])
    void = _void(size)

    scene, seen_before = _render(frame, ground, plan, BEFORE, stamps, streams[7])
    counts = record(lambda band: sample_lattice(scene(band), size, BEFORE.psf), BEFORE, streams[8])
    counts[:, void] = 0
    _write_scene(folder, counts, frame, BEFORE)

    scene, seen_after = _render(frame, ground, plan, AFTER, stamps, streams[9])
    cloud, shadow = _cloud(frame, streams[10])
    origin = origin_of(model, size)
    counts = record(
        lambda band: sample_moved(scene(band), origin, AFTER.psf),
        AFTER, streams[11], cloud=cloud, cloud_shadow=shadow,
    )  # fmt: skip
    _write_scene(folder, counts, frame, AFTER)

    planted = [
        item
        for item in [*plan.planted, *_changed_vehicles(plan, seen_before, seen_after)]
        if frame.holds(item.outline, inside=5.0) and not _in_void(frame, item, void)
    ]
    write_planted(folder / "planted.geojson", planted)
    write_planted(folder / "area.geojson", [paved_square()])
    truth = _truth(seed, frame, model, (void, cloud, shadow), planted)
    write_json(folder / "truth.json", truth)


def _town(streams: list[np.random.Generator]) -> Plan:
    """The whole town: later surfaces lie over earlier ones."""
    return (
        blocks_plan(streams[0])
        + parade_ground_plan(streams[1])
        + streets_plan(streams[2])
        + planted_plan(streams[3])
    )


def _render(
    frame: Frame,
    ground: Ground,
    plan: Plan,
    view: Pass,
    stamps: Stamps,
    rng: np.random.Generator,
) -> tuple[Callable[[int], Plane], frozenset[Vehicle]]:
    """The scene of one date: reflectance by band, and the vehicles that nothing hides."""
    later = view.role == "after"
    canvas = Canvas.over(frame, ground, view)
    solids = plan.solids
    if later:
        solids += plan.new_solids
        for surface in plan.new_surfaces:
            canvas.fill(surface.corners, surface.material, surface.tone)
    vehicles = [item for item in plan.vehicles if (item.after if later else item.before)]
    cast_shadows(canvas, solids)
    park_vehicles(canvas, vehicles)
    plant_trees(canvas, plan.trees, stamps, view, rng)
    raise_solids(canvas, solids, view)

    table = reflectance()
    plants = members((*TREES, "grass", "lawn"))
    table[plants] *= np.array(view.season, dtype=np.float32)
    # One table for lit and shaded materials: even rows and odd ones.
    both = np.stack([table, table * np.array(_SKY, dtype=np.float32)], axis=1).reshape(-1, 4)
    number = canvas.label * np.intp(2) + (canvas.shadow > 0)
    columns = np.ascontiguousarray(both.T)
    warmth = np.roll(ground.stain, (frame.side // 3, frame.side // 5), axis=(0, 1))

    def scene(band: int) -> Plane:
        plane: Plane = columns[band].take(number)
        plane *= canvas.light
        tint = np.float32(_WARMTH[band]) * warmth
        tint += 1
        plane *= tint
        return plane

    return scene, frozenset(item for item in vehicles if shows(canvas, item))


def _changed_vehicles(
    plan: Plan, before: frozenset[Vehicle], after: frozenset[Vehicle]
) -> list[Planted]:
    changed = []
    for number, vehicle in enumerate(plan.vehicles, start=1):
        if vehicle.before != vehicle.after and (vehicle in before or vehicle in after):
            changed.append(planted_vehicle(vehicle, number))
    return changed


def _void(size: int) -> NDArray[np.bool_]:
    """The corner that the first pass missed: the slanted edge of its swath."""
    along, up = _void_legs(size)
    rows, cols = np.arange(size)[:, None], np.arange(size)[None, :]
    missed: NDArray[np.bool_] = (cols - (size - along)) / along > (size - 1 - rows) / up
    return missed


def _void_legs(size: int) -> tuple[float, float]:
    """Pixels of the bottom row and of the right column that are missed."""
    return 0.08 * size, 0.15 * size


def _in_void(frame: Frame, item: Planted, void: NDArray[np.bool_]) -> bool:
    rows, cols = frame.image(item.outline)
    return bool(void[np.rint(rows).astype(int), np.rint(cols).astype(int)].any())


def _cloud(frame: Frame, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Opacity of a cloud's soft edge in the bottom left corner, and of its shadow.

    The cloud leans with the view and the shadow falls away from the sun, both by its altitude.
    """
    size = frame.size
    move = _CLOUD_ALTITUDE * size / PIXEL * (
        -heading(AFTER.sun_azimuth) / np.tan(np.radians(AFTER.sun_elevation))
        - heading(AFTER.view_azimuth) * np.tan(np.radians(AFTER.off_nadir))
    )  # fmt: skip
    east, north = world(move[None] * 1.0)
    zero_east, zero_north = world(np.zeros((1, 2)))
    down = round(float(zero_north[0] - north[0]))
    right = round(float(east[0] - zero_east[0]))
    pad = max(abs(down), abs(right))
    wisps, billows = fractal_pair(size + 2 * pad, rng, exponents=(1.35, 2.0))
    at = np.arange(-pad, size + pad, dtype=np.float32) / size
    distance = at[None, :] + (1 - at[:, None])
    billows = 0.035 * wisps + 0.045 * billows
    # Whatever the noise, the corner itself is under the cloud.
    billows -= billows[-size // 6 - pad : -pad or None, pad : pad + size // 6].mean()
    depth = np.clip((0.24 + billows - distance) / 0.24, 0, 1)
    opacity = (0.82 * depth * depth * (3 - 2 * depth)).astype(np.float32)
    here = opacity[pad : pad + size, pad : pad + size]
    there = opacity[pad - down : pad - down + size, pad - right : pad - right + size]
    return here, there


def _write_scene(folder: Path, counts: NDArray[np.uint16], frame: Frame, view: Pass) -> None:
    image = f"{view.role}.tif"
    write_image(folder / image, counts, frame, view)
    write_item(folder / f"{view.role}.json", frame, view, image=image)


def _truth(
    seed: int,
    frame: Frame,
    model: dict[str, Any],
    hidden: tuple[NDArray[np.bool_], Plane, Plane],
    planted: list[Planted],
) -> dict[str, Any]:
    """Everything that the pair was made from, as plain JSON values."""
    void, cloud, shadow = hidden
    along, up = _void_legs(frame.size)
    kinds = sorted({item.kind for item in planted})
    rows, cols = np.nonzero((cloud > 0.01) | (shadow > 0.01))
    return {
        "schema": 1,
        "simulated": True,
        "seed": seed,
        "size_px": frame.size,
        "pixel_size_m": PIXEL,
        "crs": CRS,
        "transform": list(frame.transform),
        "square": {"centre_lonlat": list(CENTRE_LONLAT), "axis_grid_azimuth_deg": AXIS},
        "displacement": model,
        "before": dataclasses.asdict(BEFORE),
        "after": dataclasses.asdict(AFTER),
        "nodata": {
            "image": "before",
            "corner": "bottom right",
            "legs_px": {"bottom": along, "right": up},
            "share": float(void.mean()),
        },
        "cloud": {
            "image": "after",
            "corner": "bottom left",
            "altitude_m": _CLOUD_ALTITUDE * frame.size,
            "window_px": [int(rows.min()), int(cols.min()), int(rows.max()) + 1,
                          int(cols.max()) + 1] if rows.size else None,
            "cloud_share": float((cloud > 0.1).mean()),
            "shadow_share": float((shadow > 0.1).mean()),
        },
        "planted": {kind: sum(item.kind == kind for item in planted) for kind in kinds},
    }  # fmt: skip
