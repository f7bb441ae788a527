"""Keeps what was proven of bound pools as long as it still holds.

A proof speaks of every state that a tree could be in, so weights, dials and health do not enter: it
is made again only when something else at AWS, or the service's settings, has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from controller.model.configuration import Service
from controller.model.levers import EndpointGroup, RecordSet
from controller.planning.residency.proof import Proof, prove_groups, prove_records


@dataclass(frozen=True, slots=True)
class _Kept:
    service: Service
    structure: object
    proof: Proof


class Proofs:
    """The last proof of each service."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def of_records(self, name: str, service: Service, records: Sequence[RecordSet]) -> Proof:
        """What `prove_records` says of these records."""
        structure = [replace(r, weight=None if r.weight is None else 1) for r in records]
        return self._of(name, service, structure, lambda: prove_records(name, service, records))

    def of_groups(self, name: str, service: Service, groups: Sequence[EndpointGroup]) -> Proof:
        """What `prove_groups` says of these groups."""
        structure = [(g.arn, g.region, [e.endpoint_id for e in g.endpoints]) for g in groups]
        return self._of(name, service, structure, lambda: prove_groups(name, service, groups))

    def _of(
        self, name: str, service: Service, structure: object, prove: Callable[[], Proof]
    ) -> Proof:
        kept = self._kept.get(name)
        if kept is None or (kept.service, kept.structure) != (service, structure):
            kept = self._kept[name] = _Kept(service, structure, prove())
        return kept.proof
