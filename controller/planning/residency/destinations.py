"""Where each leaf of a zone leads, so that a DNS answer can be assigned to a region.

A leaf holds addresses or is an alias. Route 53 answers an alias with the addresses of its target
and does not name the target (Developer Guide, *Choosing between alias and non-alias records*).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.model.levers import Position, RecordSet

QUERY_TYPE = "A"
"""The type of the answers that are sampled."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one leaf leads."""

    addresses: frozenset[str]
    alias: str | None = None
    """The target, whose addresses are answered; None: the leaf has addresses."""


def destinations(leaves: Mapping[Position, Iterable[RecordSet]]) -> dict[Position, Destination]:
    """Position to the destination of its A leaf; positions without one are missing."""
    return {
        position: _destination(leaf)
        for position, twins in leaves.items()
        for leaf in twins
        if leaf.type == QUERY_TYPE
    }


def region_of_answer(
    answer: frozenset[str], addresses_by_region: Mapping[str, frozenset[str]]
) -> str | None:
    """The region whose addresses contain the whole answer; None where none or several do."""
    found = [
        region
        for region, addresses in addresses_by_region.items()
        if answer and answer <= addresses
    ]
    return found[0] if len(found) == 1 else None


def _destination(leaf: RecordSet) -> Destination:
    rest = json.loads(leaf.rest)
    values = frozenset(value["Value"] for value in rest.get("ResourceRecords", ()))
    return Destination(values, rest.get("AliasTarget", {}).get("DNSName"))
