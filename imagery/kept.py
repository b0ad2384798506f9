"""What a run keeps of its steps, so that another goes on from there if it is killed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from imagery.blockwise import Progress
from imagery.codec import Apart, Codec
from imagery.coregister import Alignment, Residual, TiePoints
from imagery.decision import Decision, Decoys, Ground, Reach
from imagery.empirical_null import Null
from imagery.errors import AlignmentError
from imagery.observed import Observed
from imagery.record import Caution, Json, StepRecord, sha256_of, to_json
from imagery.regions import Regions
from imagery.scene import InputFile, Role, Scene
from imagery.scoring import ScoredMap
from imagery.seamed_shift import Parts, SeamedShift
from imagery.shift import Shift
from imagery.shift_error import ShiftError
from imagery.stamp import Stamp, check_unchanged

STEPS = ("align", "decoys", "difference")
"""Those that are kept, in the order of the flow.  What comes between is done again: it takes no
longer for a larger image, or little of the time."""

CODEC = Codec(
    *(Alignment, Residual, TiePoints, Shift, SeamedShift, Parts, ShiftError, AlignmentError),
    *(ScoredMap, Regions, Decision, Null, Observed, Decoys, Ground, Reach),
    *(StepRecord, Caution, InputFile),
)

_SUMS, _VALUE, _ARRAYS = "sums.json", "value.json", "arrays.npz"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """Where a run keeps its steps, and for which other run they are good."""

    folder: Path
    """Takes them; whoever names it removes it when the run is over."""

    decisive: Json
    """All that decides the result but the two scenes: versions, options, hashes of files."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The steps of one run, taken over or kept; none where ``folder`` is None.

    A kept step is a folder of its own: the value as JSON and arrays, the files that it names as
    links, and last ``sums.json``: the key, and the SHA-256 of all of them.  The key is a hash of
    all that decides the result, so that no other run takes the step.
    """

    folder: Path | None = None
    rasters: Path = Path()
    """The folder of the files that values name."""

    key: str = ""
    inputs: tuple[Stamp, ...] = ()
    left: tuple[str, ...] = field(default=())
    """Steps that an interrupted run left whole."""

    @classmethod
    def begun(
        cls,
        keeping: Keeping | None,
        scenes: Mapping[Role, Scene],
        *,
        inputs: tuple[Stamp, ...],
        rasters: Path,
        tell: Callable[[Progress], None],
    ) -> Kept:
        """Look at what an interrupted run left; what is not whole, or not for this run, is removed.

        Parameters
        ----------
        keeping
            Where; None keeps nothing.
        scenes
            The two images, with their masks and all their files' hashes.
        inputs
            Their files, and those of their masks, none of which may change meanwhile.
        rasters
            The folder of the files that values name.
        tell
            Hears in one line which steps are taken over.
        """
        if keeping is None:
            return cls()
        folder, key = keeping.folder, _key(keeping.decisive, scenes)
        folder.mkdir(exist_ok=True)
        left = tuple(step for step in STEPS if _is_whole(folder / step, key))
        for path in folder.iterdir():
            if path.name not in left:
                _remove(path)
        if left:
            done = ", ".join(left)
            note = f"an interrupted run had done {done}: this one goes on from there"
            tell(Progress("read", 1, 1, note=note))
        return cls(
            folder=folder,
            rasters=rasters,
            key=key,
            inputs=inputs,
            left=left,
        )

    def done(self, step: str, work: Callable[[], T]) -> T:
        """The result of a step: taken over, else worked out and kept.

        What goes on is always what was read back, so that a run that is interrupted and one that
        isn't go on with the same.

        Raises
        ------
        InputError
            If an input changed since it was opened.
        OSError
            If the disk refuses.
        """
        if self.folder is None:
            return work()
        place = self.folder / step
        if step in self.left:
            # Another state of this very version wrote other fields: the step is done anew.
            with suppress(ValueError):
                return self._taken(place)  # type: ignore[no-any-return]
        value = work()
        if value is None:
            return value
        check_unchanged(self.inputs)
        self._keep(place, value)
        return self._taken(place)  # type: ignore[no-any-return]

    def _keep(self, place: Path, value: object) -> None:
        making = place.with_name(f"{place.name}.partial")
        _remove(making)
        _remove(place)
        making.mkdir()
        parts = CODEC.apart(value, folder=self.rasters)
        tree = json.dumps({"tree": parts.tree, "files": list(parts.files)}, allow_nan=False)
        _write(making / _VALUE, tree.encode())
        with (making / _ARRAYS).open("wb") as stream:
            np.savez(stream, *parts.arrays.values())
            _sync(stream)
        for name in parts.files:
            _link(self.rasters / name, making / name)
        sums = {path.name: sha256_of(path) for path in sorted(making.iterdir())}
        _write(making / _SUMS, json.dumps({"key": self.key, "sha256": sums}).encode())
        making.rename(place)

    def _taken(self, place: Path) -> Any:
        told = json.loads((place / _VALUE).read_text("utf-8"))
        parts = Apart(
            tree=told["tree"], arrays=_arrays(place / _ARRAYS), files=tuple(told["files"])
        )
        value = CODEC.joined(parts, folder=self.rasters)
        for name in parts.files:
            if not (self.rasters / name).exists():
                _link(place / name, self.rasters / name)
        return value


def _key(decisive: Json, scenes: Mapping[Role, Scene]) -> str:
    """A hash of all that decides the result."""
    told = {role: _told(scene) for role, scene in scenes.items()}
    text = json.dumps([to_json(decisive), told], sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _told(scene: Scene) -> Json:
    """What of a scene can differ while its options are the same."""
    return to_json(
        {
            "name": scene.name,
            "files": scene.files,
            "crs": None if scene.geobox.crs is None else scene.geobox.crs.to_wkt(),
            "transform": list(scene.geobox.affine[:6]),
            "shape": list(scene.geobox.shape),
            "dtype": scene.dtype,
            "nodata": str(scene.nodata),
            "bands": scene.bands,
            "acquisition": scene.acquisition,
            "facts": dict(scene.facts),
        }
    )


def _is_whole(place: Path, key: str) -> bool:
    """Whether a kept step is that of a key, and every byte of it is there."""
    try:
        told = json.loads((place / _SUMS).read_text("utf-8"))
        if not isinstance(told, dict) or told.get("key") != key:
            return False
        sums = told.get("sha256")
        return isinstance(sums, dict) and sums == {
            path.name: sha256_of(path) for path in place.iterdir() if path.name != _SUMS
        }
    except (OSError, ValueError, RecursionError):
        return False


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name}: {error}") from error


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        _sync(stream)


def _sync(stream: BinaryIO) -> None:
    """Wait until a file is on the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def _link(source: Path, target: Path) -> None:
    """The same file by another name; a copy, where the file system has no such links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
