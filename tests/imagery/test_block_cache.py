"""Blocks are decoded once while they are kept, whoever asks, and never more than fit are kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from imagery.block_cache import Block, BlockCache


def block(kib: int, value: int = 1) -> Block:
    return np.full(kib * 1024, value, np.uint8)


def test_a_block_is_decoded_once_by_many_threads() -> None:
    cache, calls, together = BlockCache(10**6), [], threading.Barrier(4)

    def decode() -> Block:
        calls.append(1)
        return block(4, 7)

    def ask(_: int) -> int:
        together.wait()
        return int(cache.get("a", decode)[0])

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == [7] * 4
    assert len(calls) == 1


def test_the_block_that_was_asked_for_longest_ago_goes_first() -> None:
    cache, made = BlockCache(10 * 1024), []

    def ask(name: str) -> None:
        cache.get(name, lambda: made.append(name) or block(4))

    for name in ("a", "b", "a", "c", "a", "b"):
        ask(name)
    assert made == ["a", "b", "c", "b"]


def test_an_error_is_raised_and_not_kept() -> None:
    cache = BlockCache(10**6)

    def fail() -> Block:
        raise OSError("cut off")

    with pytest.raises(OSError, match="cut off"):
        cache.get("a", fail)
    assert cache.get("a", lambda: block(1, 3))[0] == 3


def test_blocks_are_not_to_be_written_into() -> None:
    found = BlockCache(10**6).get("a", lambda: block(1))
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 2


def test_what_is_cleared_while_it_is_decoded_is_not_kept() -> None:
    cache = BlockCache(10**6)

    def decode() -> Block:
        cache.clear()
        return block(1)

    cache.get("a", decode)
    assert cache.get("a", lambda: block(1, 5))[0] == 5
