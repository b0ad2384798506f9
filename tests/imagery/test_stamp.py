"""Files that must stay what they are while a run uses them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagery.errors import InputError
from imagery.record import sha256_of
from imagery.stamp import Stamp, unchanged


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "image.tif"
    path.write_bytes(b"pixels")
    return path


def stamped(path: Path) -> Stamp:
    return Stamp.of(path, sha256=sha256_of(path))


def test_an_untouched_file(file: Path) -> None:
    stamped(file).check()
    with unchanged([file, file, file.with_name("none.tif"), file.parent]):
        pass


def test_other_bytes_of_another_time(file: Path) -> None:
    stamp = stamped(file)
    file.write_bytes(b"more pixels")
    with pytest.raises(InputError, match=r"image\.tif: was changed .* 11 bytes .* was 6 bytes"):
        stamp.check()


def test_written_again_is_changed_whatever_the_bytes(file: Path) -> None:
    stamp = stamped(file)
    os.utime(file, ns=(0, stamp.written_ns + 10**9))
    with pytest.raises(InputError, match="was changed"):
        stamp.check()


def test_other_bytes_with_the_old_time(file: Path) -> None:
    stamp = stamped(file)
    other = file.with_name("other")
    other.write_bytes(b"PIXELS")
    os.utime(other, ns=(0, stamp.written_ns))
    other.replace(file)
    with pytest.raises(InputError, match="found: other bytes"):
        stamp.check()


def test_the_same_bytes_by_another_name(file: Path) -> None:
    """A backup's hard link, or a copy with its time, is no change."""
    stamp = stamped(file)
    os.link(file, file.with_name("backup"))
    stamp.check()


def test_a_file_that_is_gone(file: Path) -> None:
    stamp = stamped(file)
    file.unlink()
    with pytest.raises(InputError, match=r"image\.tif.*No such file"):
        stamp.check()


def test_the_change_is_told_rather_than_what_came_of_it(file: Path) -> None:
    def fail(error: BaseException, data: bytes) -> None:
        with unchanged([file]):
            file.write_bytes(data)
            raise error

    with pytest.raises(InputError, match="was changed"):
        fail(InputError("image.tif: is damaged"), b"half")
    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt(), b"whole")
    with pytest.raises(InputError, match="is damaged"), unchanged([file]):
        raise InputError("image.tif: is damaged")
