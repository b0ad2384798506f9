"""Loops that are compiled: what every one of them has in common.

Importing this module imports numba, so only modules with such loops do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])

_njit: Any = numba.njit
"""Older releases of numba have no types."""


def compiled(signature: str) -> Callable[[F], F]:
    """Compile a function for one signature, when its module is imported, once and for all.

    It runs without Python's lock, so that threads share the work, and in one thread.  Sums are
    taken in the order written and products are not fused into them, so that a number's bits
    depend neither on its place in a loop nor on the processor.

    The machine code is kept in NUMBA_CACHE_DIR if that is set, else beside the module, else in the
    user's cache.  Where nothing can be written it is compiled anew in each process.

    Parameters
    ----------
    signature
        As numba writes it: ``"float32[::1](float32[::1])"``.  :func:`readonly` names arguments
        that are not written into.
    """

    def decorate(function: F) -> F:
        how = {"nogil": True, "fastmath": False, "error_model": "numpy"}
        try:
            made: F = _njit(signature, cache=True, **how)(function)
        except (RuntimeError, OSError):  # no place for the cache, or no room in it
            made = _njit(signature, **how)(function)
        return made

    return decorate


def helper(function: F) -> F:
    """Compile a function that compiled ones of its module call: it becomes part of them."""
    made: F = _njit(fastmath=False, error_model="numpy")(function)
    return made


def readonly(dtype: str, dimensions: int) -> str:
    """An array in C order that is only read, in a signature; writable ones will do."""
    return f"Array({dtype}, {dimensions}, 'C', readonly=True)"
