"""Metadata files, loaded with bounds: JSON, XML or plain text, whatever the name says.

They are untrusted: XML is parsed by defusedxml, which expands no entity and fetches nothing, and a
file that is too long, cut off or of no such kind is no document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from imagery.metadata._dates import Told
from imagery.metadata._model import Metadata, Stated, gathered

SIZE_LIMIT = 20_000_000
JSON_LIMIT = 5_000_000
"""Bytes: parsed JSON takes ten times as much, or more."""

MOST_ELEMENTS = 500_000
"""Of an XML file: the annotation of a whole Sentinel-1 swath has a tenth of that."""


@dataclass(frozen=True)
class Document:
    """A metadata file: just one of ``json``, ``xml`` and ``text`` is there."""

    path: Path
    json: dict[str, Any] | None = None
    xml: Element | None = None
    """Its root; tags and attributes have lost their namespaces."""

    text: str | None = None

    @property
    def name(self) -> str:
        return self.path.name

    def value(self, *paths: str) -> str | None:
        """The text of the first of these elements (``"Datatake/SPACECRAFT_NAME"``) that has one."""
        return None if self.xml is None else text_at(self.xml, *paths)

    def values(self, path: str) -> list[str]:
        """The texts of all elements at a path, in their order."""
        found = [] if self.xml is None else self.xml.findall(f".//{path}")
        return [text for element in found[:1000] if (text := (element.text or "").strip())]


def text_at(element: Element, *paths: str) -> str | None:
    """The text of the first of some elements below another that has one."""
    for path in paths:
        text = (element.findtext(f".//{path}") or "").strip()
        if text:
            return text
    return None


def load(path: Path) -> Document | None:
    """The document in a file.

    Returns
    -------
    Document or None
        None where there is no file, or it is too long, broken, or neither JSON object, XML nor
        text.
    """
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
    except (OSError, ValueError):
        return None
    if len(content) > SIZE_LIMIT:
        return None
    start = content[:200].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start in (b"{", b"["):
        return _json(path, content)
    if start == b"<":
        return _xml(path, content)
    if b"\x00" in content[:4096]:
        return None
    return Document(path, text=content.decode("utf-8", errors="replace"))


def _json(path: Path, content: bytes) -> Document | None:
    if len(content) > JSON_LIMIT:
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return Document(path, json=value) if isinstance(value, dict) else None


def _xml(path: Path, content: bytes) -> Document | None:
    from defusedxml.ElementTree import DefusedXMLParser

    parser = DefusedXMLParser(target=_Tree())
    try:
        parser.feed(content)
        root = parser.close()
    except (ParseError, ValueError, LookupError, RecursionError):
        return None
    return Document(path, xml=root)


class _Tree(TreeBuilder):
    """Builds elements without namespaces, and no more than are due."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def start(self, tag: str, attrs: dict[Any, Any], /) -> Element:
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise ValueError("too many elements")
        return super().start(_local(tag), {_local(name): text for name, text in attrs.items()})

    def end(self, tag: str, /) -> Element:
        return super().end(_local(tag))


def _local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def told(document: Document, when: Told, stated: Iterable[Stated], **more: Any) -> Metadata | None:
    """What a document says; None where that is nothing at all.

    Parameters
    ----------
    document
        The file that says it.
    when
        The acquisition, with cautions.
    stated
        Facts as ``gathered`` takes them.
    **more
        Other fields of ``Metadata``.
    """
    acquisition, cautions = when
    facts, left_out = gathered(stated)
    if not (acquisition or facts or cautions or left_out):
        return None
    return Metadata(
        acquisition=acquisition,
        facts=facts,
        files=(document.path,),
        cautions=cautions + left_out,
        **more,
    )
