"""Values as JSON and arrays, by a list of the classes that may stand in them: never pickled."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.errors import TwopassError
from imagery.record import Json

_ERROR_FIELDS = ("message", "found", "needed", "option")
_DEEPEST = 40


@dataclass(frozen=True, kw_only=True, eq=False)
class Apart:
    """A value, taken apart."""

    tree: Json
    """Plain JSON; in it every array, file and value of a class is a mapping with its ``kind``."""

    arrays: Mapping[str, NDArray[Any]]
    """By the names that stand in the tree: those that ``numpy.savez`` gives them."""

    files: tuple[str, ...] = ()
    """Names of the files that the value names."""


class Codec:
    """Takes values apart and joins them again: the same value, bit for bit.

    Numbers, texts, tuples, lists, mappings, arrays and NumPy's scalars may stand in a value, files
    of one folder, and values of the classes given: dataclasses, and errors of ours.  Anything else
    is refused, on the way out and on the way in.

    Parameters
    ----------
    classes
        The classes, whose names must differ.
    """

    def __init__(self, *classes: type[Any]) -> None:
        self._classes = {of.__name__: of for of in classes}
        if len(self._classes) != len(classes):
            raise ValueError("two classes of one name")
        self._joiners: dict[str, Callable[[Any, _Source], Any]] = {
            "float": lambda node, _: float(_text(node["value"])),
            "tuple": lambda node, source: tuple(self._items(node, source)),
            "list": self._items,
            "dict": self._dict,
            "array": lambda node, source: source.array(node),
            "scalar": lambda node, source: source.scalar(node),
            "file": lambda node, source: source.file(_text(node["name"])),
            "object": self._object,
        }

    def apart(self, value: object, *, folder: Path) -> Apart:
        """A value as JSON and arrays.

        Parameters
        ----------
        value
            What to take apart.
        folder
            Where the files lie that it names.

        Raises
        ------
        TypeError
            For a value of a class that isn't listed, or an array of objects.
        ValueError
            For a file elsewhere.
        """
        arrays: dict[str, NDArray[Any]] = {}
        files: list[str] = []

        def array(kind: str, found: NDArray[Any]) -> Json:
            if found.dtype.hasobject or found.dtype.names is not None:
                raise TypeError(f"an array of {found.dtype} can't be kept")
            name = f"arr_{len(arrays)}"
            arrays[name] = found
            return {
                "kind": kind,
                "name": name,
                "dtype": found.dtype.str,
                "shape": list(found.shape),
            }

        def node(part: Any) -> Json:
            of = type(part)
            if part is None or of in (bool, int, str):
                return part
            if of is float:
                return part if math.isfinite(part) else {"kind": "float", "value": repr(part)}
            if of in (tuple, list):
                return {"kind": of.__name__, "items": [node(item) for item in part]}
            if of is dict:
                items = [[node(key), node(item)] for key, item in part.items()]
                return {"kind": "dict", "items": items}
            if of is np.ndarray:
                return array("array", part)
            if isinstance(part, np.generic):
                return array("scalar", np.asarray(part))
            if isinstance(part, Path):
                if part.parent != folder:
                    raise ValueError(f"{part.name} lies elsewhere and can't be kept")
                files.append(part.name)
                return {"kind": "file", "name": part.name}
            if self._classes.get(of.__name__) is not of:
                raise TypeError(f"a value of {of.__module__}.{of.__qualname__} can't be kept")
            fields = {name: node(getattr(part, name)) for name in _fields(of)}
            return {"kind": "object", "class": of.__name__, "fields": fields}

        tree = node(value)
        return Apart(tree=tree, arrays=arrays, files=tuple(dict.fromkeys(files)))

    def joined(self, parts: Apart, *, folder: Path) -> Any:
        """The value again.

        Parameters
        ----------
        parts
            What :meth:`apart` gave, read back.
        folder
            Where the files lie now.

        Raises
        ------
        ValueError
            If anything is not as :meth:`apart` writes it: another class, a field too many or too
            few, an array of another shape or type, one that nothing names.
        """
        source = _Source(parts, folder)
        value = self._joined(parts.tree, source)
        if source.left:
            raise ValueError(f"{', '.join(sorted(source.left))}: named by nothing")
        return value

    def _joined(self, node: Json, source: _Source) -> Any:
        if node is None or type(node) in (bool, int, str, float):
            return node
        kind = node.get("kind") if type(node) is dict else None
        join = self._joiners.get(kind) if type(kind) is str else None
        if join is None:
            raise ValueError(f"nothing of ours: {str(node)[:80]}")
        if source.depth >= _DEEPEST:
            raise ValueError("too deep")
        source.depth += 1
        try:
            value = join(node, source)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a damaged {kind}: {error}") from error
        source.depth -= 1
        return value

    def _items(self, node: Any, source: _Source) -> list[Any]:
        if type(node["items"]) is not list:
            raise TypeError("no list")
        return [self._joined(item, source) for item in node["items"]]

    def _dict(self, node: Any, source: _Source) -> dict[Any, Any]:
        return {
            self._joined(key, source): self._joined(item, source) for key, item in node["items"]
        }

    def _object(self, node: Any, source: _Source) -> Any:
        of = self._classes[_text(node["class"])]
        told = node["fields"]
        if list(told) != list(_fields(of)):
            raise ValueError(f"{of.__name__}: other fields")
        values = {name: self._joined(part, source) for name, part in told.items()}
        if issubclass(of, TwopassError):
            return of(values.pop("message"), **values)
        return of(**values)


class _Source:
    """What a value is joined from."""

    def __init__(self, parts: Apart, folder: Path) -> None:
        self._parts, self._folder = parts, folder
        self.left = {*parts.arrays, *parts.files}
        self.depth = 0

    def array(self, node: Any) -> NDArray[Any]:
        found = self._parts.arrays[_text(node["name"])]
        if [found.dtype.str, list(found.shape)] != [node["dtype"], node["shape"]]:
            raise ValueError(f"{node['name']}: {found.dtype.str} of shape {found.shape}")
        self.left.discard(node["name"])
        return found

    def scalar(self, node: Any) -> Any:
        found = self.array(node)
        if found.shape != ():
            raise ValueError(f"{node['name']}: no scalar")
        return found[()]

    def file(self, name: str) -> Path:
        if name not in self._parts.files:
            raise ValueError(f"{name}: no file of this value")
        self.left.discard(name)
        return self._folder / name


def _fields(of: type[Any]) -> tuple[str, ...]:
    if issubclass(of, TwopassError):
        return _ERROR_FIELDS
    return tuple(field.name for field in dataclasses.fields(of))


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError(f"no text: {value!r}")
    return value
