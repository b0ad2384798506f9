"""Loops that are compiled: what every one of them has in common.

Numba is imported, and a loop compiled, when one is first called: whoever is refused, or waits for
the first bar, doesn't wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import RLock
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., object])

_LOCK = RLock()
_helpers: list[Callable[..., object]] = []
"""Helpers that numba has not been told of."""

_made: dict[Callable[..., object], Any] = {}
"""The machine code of a function, once it was called."""

_HOW = {"fastmath": False, "error_model": "numpy"}


def compiled(signature: str) -> Callable[[F], F]:
    """Compile a function for one signature, when it is first called, once and for all.

    It runs without Python's lock, so that threads share the work, and in one thread.  Sums are
    taken in the order written and products are not fused into them, so that a number's bits
    depend neither on its place in a loop nor on the processor.  It may call helpers, and no other
    compiled function.

    The machine code is kept in NUMBA_CACHE_DIR if that is set, else beside the module, else in the
    user's cache.  Where nothing can be written it is compiled anew in each process.

    Parameters
    ----------
    signature
        As numba writes it: ``"float32[::1](float32[::1])"``.  :func:`readonly` names arguments
        that are not written into.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def call(*arguments: Any) -> object:
            loop = _made.get(function) or _make(function, signature)
            return loop(*arguments)

        return cast(F, call)

    return decorate


def helper(function: F) -> F:
    """Let compiled functions call this one: it becomes part of them."""
    _helpers.append(function)
    return function


def readonly(dtype: str, dimensions: int) -> str:
    """An array in C order that is only read, in a signature; writable ones will do."""
    return f"Array({dtype}, {dimensions}, 'C', readonly=True)"


def _make(function: Callable[..., object], signature: str) -> Any:
    """Compile a function, or load what was compiled before; one thread does, the others wait."""
    import numba
    from numba.extending import register_jitable

    njit: Any = numba.njit  # older releases have no types
    with _LOCK:
        if function in _made:
            return _made[function]
        while _helpers:
            register_jitable(**_HOW)(_helpers.pop())
        try:
            loop = njit(signature, cache=True, nogil=True, **_HOW)(function)
        except (RuntimeError, OSError):  # no place for the cache, or no room in it
            loop = njit(signature, nogil=True, **_HOW)(function)
        _made[function] = loop
        return loop
