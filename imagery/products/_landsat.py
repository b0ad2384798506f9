"""Landsat: a folder of one scene's bands, of any collection and level, with its MTL file.

Sources: USGS, Landsat 8-9 OLI/TIRS Collection 2 Level 1 and Level 2 Data Format Control Books
(LSDS-1822, LSDS-1328), Landsat 4-7 (LSDS-1414, LSDS-1336) and MSS (LSDS-1416); USGS, "Using the
USGS Landsat Level-1 Data Product": reflectance = (stored x MULT + ADD) / sin(sun elevation).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from imagery.bands import canonical_name
from imagery.errors import InputError
from imagery.products._files import kept_inside, listed, number
from imagery.products._model import Layer, Product
from imagery.products._mtl import MTL, read_mtl
from imagery.record import Caution

# Collection 2 level 2, as its guides fix them (LSDS-1618, LSDS-1619, tables of scale factors).
_REFLECTANCE, _TEMPERATURE = (2.75e-5, -0.2), (0.00341802, 149.0)
# Level 2 before: scale 0.0001, missing -9999 (LSDS-1368, LSDS-1370).
_FORMER_REFLECTANCE, _FORMER_NODATA = (0.0001, 0.0), -9999.0

_SCENE = (
    r"(?P<scene>L(?P<sensor>[COTEM])(?P<mission>0[1-9])_L\w{3}_\d{6}_\d{8}"
    r"(?:_\d{8}_(?P<collection>\d{2})_(?:T1|T2|RT))?"
    r"|L(?P<old_sensor>[COTEM])(?P<old_mission>[1-9])\d{13}[A-Z]{3}\d{2})"
)
_IMAGE = re.compile(
    rf"^{_SCENE}_(?:(?P<level2>SR|ST)_)?(?:B(?P<band>\d{{1,2}})(?:_VCID_(?P<gain>[12]))?"
    r"|sr_band(?P<former>\d{1,2}))\.tiff?$",
    re.IGNORECASE,
)
_METADATA = re.compile(rf"^{_SCENE}_MTL\.(?:txt|xml|json)$", re.IGNORECASE)

_SECOND_GAIN = 9
"""The number of Landsat 7's thermal band in high gain, whose own is taken by the low one."""

_MSS = ("green", "red", "nir08", "nir09")
"""Bands 4 to 7 of Landsat 1 to 3, 1 to 4 of Landsat 4 and 5, as USGS's STAC items name them."""

_UNUSUAL = ("pan", "cirrus", "lwir", "lwir11", "lwir12", "")


@dataclass(frozen=True)
class _Stored:
    """An image of a band, and what its name tells."""

    path: Path
    scene: str
    sensor: str
    mission: int
    collection: str
    band: int
    gain: int
    level2: str
    """``"SR"``, ``"ST"``, ``"former"`` for surface reflectance before Collection 2, or empty."""


def find(folder: Path) -> Product | None:
    """A folder of one scene."""
    images = _images(folder)
    scenes = sorted({image.scene for image in images})
    if not images:
        return None
    if len(scenes) > 1:
        raise InputError(
            f"{folder.name}: holds {len(scenes)} Landsat scenes",
            found=", ".join(scenes[:4]) + (" and more" if len(scenes) > 4 else ""),
            needed="a folder for each, or one scene's _MTL file in place of the folder",
        )
    return _understood(folder, folder, images)


def of_file(path: Path) -> Product | None:
    """The scene whose MTL file this is, though others lie beside it."""
    match = _METADATA.match(path.name)
    if match is None:
        return None
    images = [image for image in _images(path.parent) if image.scene == match["scene"].upper()]
    if not images:
        raise InputError(
            f"{path.name}: none of its images lies beside it",
            found="the metadata alone",
            needed=f"{match['scene']}_B4.TIF and so on, in the same folder",
        )
    return _understood(path, path.parent, images)


def _images(folder: Path) -> list[_Stored]:
    images = []
    for path in listed(folder):
        match = _IMAGE.match(path.name)
        if match is None:
            continue
        level2 = "former" if match["former"] else (match["level2"] or "").upper()
        images.append(
            _Stored(
                path=kept_inside(folder, path),
                scene=match["scene"].upper(),
                sensor=(match["sensor"] or match["old_sensor"]).upper(),
                mission=int(match["mission"] or match["old_mission"]),
                collection=match["collection"] or "",
                band=int(match["band"] or match["former"]),
                gain=int(match["gain"] or 1),
                level2=level2,
            )
        )
    return images


def _understood(path: Path, folder: Path, images: Iterable[_Stored]) -> Product:
    chosen = _one_level(images)
    metadata = [
        kept_inside(folder, file)
        for file in listed(folder)
        if (match := _METADATA.match(file.name)) and match["scene"].upper() == chosen[0].scene
    ]
    # As text first: each of the three says the same.
    metadata.sort(key=lambda file: (file != path, "txt xml json".find(file.suffix.lower()[1:])))
    mtl = next((found for file in metadata if (found := read_mtl(file))), {})
    of = {layer.number: layer for layer in (_layer(image, mtl) for image in chosen)}
    unscaled = [layer.code for layer in of.values() if layer.scale is None]
    cautions: tuple[Caution, ...] = ()
    if unscaled:
        message = (
            f"{path.name}: nothing beside its images tells the scale and offset of "
            f"{', '.join(unscaled)} (its _MTL file would): the stored numbers are compared."
        )
        cautions = (Caution("product-unscaled", message),)
    former = any(image.level2 == "former" for image in chosen)
    return Product(
        path=path,
        kind="Landsat product",
        layers=tuple(of[number] for number in sorted(of)),
        nodata=_FORMER_NODATA if former else 0.0,
        metadata=tuple(metadata[:1]),
        cautions=cautions,
    )


def _one_level(images: Iterable[_Stored]) -> list[_Stored]:
    """The images of surface reflectance, if there are any, else all: never two of one band."""
    every = list(images)
    surface = [image for image in every if image.level2]
    return surface or every


def _layer(image: _Stored, mtl: MTL) -> Layer:
    name = _name(image)
    scale, offset = _radiometry(image, mtl)
    prefix = f"{image.level2}_" if image.level2 in ("SR", "ST") else ""
    second = image.gain == 2
    gain = f"_VCID_{image.gain}" if image.sensor == "E" and image.band == 6 and not prefix else ""
    return Layer(
        path=image.path,
        number=_SECOND_GAIN if second else image.band,
        code=f"{prefix}B{image.band}{gain}",
        name="" if second else name,
        usual=name not in _UNUSUAL,
        scale=scale,
        offset=offset,
    )


def _name(image: _Stored) -> str:
    if image.sensor == "M":
        place = image.band - (4 if image.mission <= 3 else 1)
        return _MSS[place] if place in range(len(_MSS)) else ""
    return canonical_name(f"B{image.band}", platform=f"landsat-{image.mission}")


def _radiometry(image: _Stored, mtl: MTL) -> tuple[float | None, float | None]:
    """Scale and offset of a band; (None, None) where nothing tells them."""
    band = f"BAND_{image.band}"
    if image.level2 == "former":
        return _FORMER_REFLECTANCE
    if image.level2 == "SR":
        group = mtl.get("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", {})
        return _pair(group, "REFLECTANCE", band) or _if_second(image, _REFLECTANCE)
    if image.level2 == "ST":
        group = mtl.get("LEVEL2_SURFACE_TEMPERATURE_PARAMETERS", {})
        return _pair(group, "TEMPERATURE", f"BAND_ST_B{image.band}") or _if_second(
            image, _TEMPERATURE
        )
    group = mtl.get("LEVEL1_RADIOMETRIC_RESCALING", mtl.get("RADIOMETRIC_RESCALING", {}))
    if image.sensor == "E" and image.band == 6:
        band += f"_VCID_{image.gain}"
    reflectance = _pair(group, "REFLECTANCE", band)
    elevation = number(mtl.get("IMAGE_ATTRIBUTES", {}).get("SUN_ELEVATION"))
    if reflectance is not None:
        # A sun below the horizon, at a night scene's centre, scales nothing.
        height = 1.0
        if elevation is not None and 0 < elevation <= 90:
            height = math.sin(math.radians(elevation))
        return reflectance[0] / height, reflectance[1] / height
    return _pair(group, "RADIANCE", band) or (None, None)


def _if_second(image: _Stored, pair: tuple[float, float]) -> tuple[float | None, float | None]:
    return pair if image.collection == "02" else (None, None)


def _pair(group: Mapping[str, str], quantity: str, band: str) -> tuple[float, float] | None:
    scale, offset = (number(group.get(f"{quantity}_{part}_{band}")) for part in ("MULT", "ADD"))
    if scale is None or offset is None or not 0 < scale < 1e30 or abs(offset) > 1e30:
        return None
    return scale, offset
