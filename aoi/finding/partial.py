"""A download that can stop and go on: planes of pixels in a file, a journal of what is there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.errors import OutputError


class Partial:
    """Pixels of shape (plane, row, col) that arrive in runs of rows.

    A run counts as there once its hash stands in the journal, which is written after it: whatever
    ends a run early, what the journal names is whole.
    """

    def __init__(self, path: Path, *, key: str, shape: tuple[int, int, int], dtype: str) -> None:
        self.path = path
        self.journal = path.with_name(path.name + ".jsonl")
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._head = {"key": key, "shape": list(shape), "dtype": str(self._dtype)}
        self._there: set[tuple[int, int, int]] = set(self._read_journal())
        try:
            if not self._there:
                path.write_bytes(b"")
                self.journal.write_text(json.dumps(self._head) + "\n", encoding="utf-8")
        except OSError as error:
            raise self._refused(error) from error

    def has(self, plane: int, top: int, rows: int) -> bool:
        """Whether a run of rows is there."""
        return (plane, top, rows) in self._there

    def write(self, plane: int, top: int, pixels: NDArray[Any]) -> None:
        """Keep a run of rows, of shape (row, col).

        Raises
        ------
        OutputError
            If the disk refuses.
        """
        content = np.ascontiguousarray(pixels, self._dtype).tobytes()
        line = {"run": [plane, top, len(pixels)], "sha256": hashlib.sha256(content).hexdigest()}
        try:
            with self.path.open("r+b") as stream:
                stream.seek(self._place(plane, top))
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            with self.journal.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
        except OSError as error:
            raise self._refused(error) from error
        self._there.add((plane, top, len(pixels)))

    def read(self, plane: int, top: int, rows: int) -> NDArray[Any]:
        """Rows of a plane, of shape (row, col)."""
        cols = self._shape[2]
        with self.path.open("rb") as stream:
            stream.seek(self._place(plane, top))
            content = stream.read(rows * cols * self._dtype.itemsize)
        return np.frombuffer(content, self._dtype).reshape(rows, cols)

    def remove(self) -> None:
        """Take both files away."""
        self.path.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)

    def _place(self, plane: int, top: int) -> int:
        _, rows, cols = self._shape
        return (plane * rows + top) * cols * self._dtype.itemsize

    def _read_journal(self) -> Iterator[tuple[int, int, int]]:
        """The runs that an earlier try left whole; none if it was of something else."""
        try:
            lines = self.journal.read_text(encoding="utf-8").splitlines()
            if not lines or json.loads(lines[0]) != self._head or not self.path.is_file():
                return
            for line in lines[1:]:
                told = json.loads(line)
                plane, top, rows = (int(number) for number in told["run"])
                content = self.read(plane, top, rows).tobytes()
                if hashlib.sha256(content).hexdigest() == told["sha256"]:
                    yield plane, top, rows
        except (OSError, ValueError, KeyError, TypeError):
            return  # a line that was cut: what comes after it is asked for again

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path.name}: cannot be written",
            found=error.strerror or str(error),
            needed="a folder that can be written to, and room on the disk",
            option="--out",
        )
