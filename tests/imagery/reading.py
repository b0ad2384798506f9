"""Opening and reading, in few words, for the tests of reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray

from imagery.errors import InputError
from imagery.options import ReadOptions, SceneOptions
from imagery.raster import Raster
from imagery.read import open_scene, read_window
from imagery.scene import Scene

WriteTif = Callable[..., Path]

UTM = Affine(10, 0, 500_000, 0, -10, 4_320_000)


def opened(path: Path, *, read: dict[str, Any] | None = None, **scene: Any) -> Scene:
    return open_scene(
        path,
        role="before",
        scene_options=SceneOptions(**scene),
        read_options=ReadOptions(**(read or {})),
    )


def whole(scene: Scene, **options: Any) -> Raster:
    bands = [band.index for band in scene.bands]
    return read_window(scene, scene.window, bands=bands, **options)


def refused(path: Path, kind: type[Exception] = InputError, **read: Any) -> str:
    """The one line with which a file is refused; it starts with the file's name."""
    with pytest.raises(kind) as caught:
        opened(path, read=read)
    assert "\n" not in str(caught.value)
    if kind is InputError:
        assert str(caught.value).startswith(path.name)
    return str(caught.value)


def noise(*shape: int, dtype: str = "uint16", seed: int = 0, low: int = 1) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(low, 250, shape).astype(dtype)


def codes(scene: Scene) -> list[str]:
    return [caution.code for caution in scene.cautions]


def crs_code(scene: Scene) -> int | None:
    assert scene.geobox.crs is not None
    return scene.geobox.crs.epsg
