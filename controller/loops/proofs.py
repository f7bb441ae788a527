"""Keeps what was proven of bound pools as long as it still holds.

A proof speaks of every state that a tree could be in, so weights, dials and health do not enter: it
is made again only when something else at AWS, or the service's settings, has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from controller.model.configuration import Service
from controller.model.levers import EndpointGroup, RecordSet
from controller.planning.residency.proof import Proof, prove_groups, prove_records

T = TypeVar("T")
_UNBOUND = Proof({})
"""Of a service whose users may be served anywhere."""


@dataclass(frozen=True, slots=True)
class _Kept:
    service: Service
    tree: Sequence[Any]
    proof: Proof


class Proofs:
    """The last proof of each service."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def of_records(self, name: str, service: Service, records: Sequence[RecordSet]) -> Proof:
        """What `prove_records` says of these records."""
        return self._of(name, service, records, _steered_alike, prove_records)

    def of_groups(self, name: str, service: Service, groups: Sequence[EndpointGroup]) -> Proof:
        """What `prove_groups` says of these groups."""
        return self._of(name, service, groups, _built_alike, prove_groups)

    def forget_all_but(self, names: Container[str]) -> None:
        """Drop the proofs of services of other names."""
        self._kept = {name: kept for name, kept in self._kept.items() if name in names}

    def _of(
        self,
        name: str,
        service: Service,
        tree: Sequence[T],
        alike: Callable[[T, T], bool],
        prove: Callable[[str, Service, Sequence[T]], Proof],
    ) -> Proof:
        if all(pool.residency is None for pool in service.pools.values()):
            return _UNBOUND
        kept = self._kept.get(name)
        if kept is None or kept.service != service or not _same(kept.tree, tree, alike):
            kept = _Kept(service, tree, prove(name, service, tree))
            self._kept[name] = kept
        return kept.proof


def _same(old: Sequence[T], new: Sequence[T], alike: Callable[[T, T], bool]) -> bool:
    """Whether two readings differ in nothing that a proof looks at. AWS lists in one order."""
    return len(old) == len(new) and all(
        one is other or alike(one, other) for one, other in zip(old, new, strict=True)
    )


def _steered_alike(one: RecordSet, other: RecordSet) -> bool:
    """Whether two record sets are the same but for how much weight they have."""
    return (
        one.rest == other.rest
        and one.name == other.name
        and one.type == other.type
        and one.set_identifier == other.set_identifier
        and one.health_check_id == other.health_check_id
        and (one.weight is None) is (other.weight is None)
    )


def _built_alike(one: EndpointGroup, other: EndpointGroup) -> bool:
    """Whether two groups are the same but for dial, weights and health."""
    return (
        one.arn == other.arn
        and one.region == other.region
        and [e.endpoint_id for e in one.endpoints] == [e.endpoint_id for e in other.endpoints]
    )
