"""Columns of evidence: kind, flags, what is untested, and the reasons in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from aoi.changes import schema

if TYPE_CHECKING:
    from imagery.evidence import Evidence

_TOLD = {
    schema.EDGE: "It crosses the area's border, or lies at what was not seen.",
    schema.CLOUD: "It lies at a cloud or its shadow, masked or suspected.",
}


def columns(
    regions: Sequence[int],
    *,
    edge: Sequence[bool],
    cloudy: Collection[int] | None,
    evidence: Evidence | None,
) -> dict[str, list[str | None]]:
    """The columns ``kind``, ``flags``, ``untested`` and ``reasons``.

    Parameters
    ----------
    regions
        Ids of the regions, in order.
    edge
        Whether each crosses the border, or lies at what was not seen.
    cloudy
        Ids of those at a cloud; None where clouds weren't looked for.
    evidence
        What the other tests say; None where none were made.
    """
    found: dict[str, list[str | None]] = {"kind": [], "flags": [], "untested": [], "reasons": []}
    seen = cloudy or ()
    for region, at_edge in zip(regions, edge, strict=True):
        own = {schema.EDGE} if at_edge else set()
        own |= {schema.CLOUD} if region in seen else set()
        told = [f"{flag}: {_TOLD[flag]}" for flag in schema.FLAGS if flag in own]
        raised, untested = own, set(schema.FLAGS) - {schema.EDGE, schema.CLOUD}
        if evidence is not None:
            raised = own | set(evidence.flags(region))
            untested = set(evidence.untested(region))
            told.insert(0, evidence.reasons(region))
        untested = untested | (set() if cloudy is not None else {schema.CLOUD})
        found["kind"].append(None if evidence is None else evidence.kinds[region - 1])
        found["flags"].append(_listed(raised))
        found["untested"].append(_listed(untested))
        found["reasons"].append(" ".join(told))
    return found


def _listed(flags: Collection[str]) -> str:
    """Comma-separated, in the schema's order."""
    return ",".join(flag for flag in schema.FLAGS if flag in flags)
