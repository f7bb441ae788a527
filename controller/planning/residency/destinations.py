"""Where each leaf of a zone leads, so that an answer can be told by its address.

A leaf holds addresses, or is an alias: Route 53 answers an alias with the addresses of its target,
without a word of its name (Developer Guide, *Choosing between alias and non-alias records*).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.model.levers import Position, RecordSet

_ASKED_TYPE = "A"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one leaf leads."""

    addresses: frozenset[str]
    alias: str | None = None
    """The name to be resolved instead."""


def destinations(leaves: Mapping[Position, Iterable[RecordSet]]) -> dict[Position, Destination]:
    """Position to where its A leaf leads; positions without one are missing."""
    return {
        position: _destination(leaf)
        for position, twins in leaves.items()
        for leaf in twins
        if leaf.type == _ASKED_TYPE
    }


def region_of_answer(answer: frozenset[str], leads_to: Mapping[str, frozenset[str]]) -> str | None:
    """The region whose addresses hold the whole answer; None where none or several do."""
    found = [region for region, addresses in leads_to.items() if answer and answer <= addresses]
    return found[0] if len(found) == 1 else None


def _destination(leaf: RecordSet) -> Destination:
    rest = json.loads(leaf.rest)
    values = frozenset(one["Value"] for one in rest.get("ResourceRecords", ()))
    return Destination(values, rest.get("AliasTarget", {}).get("DNSName"))
