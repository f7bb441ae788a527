"""Caches the residency proofs of bound pools while they hold.

A proof covers every state of weights, dials and health that a tree could have. So it is made again
only when something else at AWS, or the service's settings, has changed.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from controller.model.configuration import Service
from controller.planning.levers.lever import Lever
from controller.planning.residency.proof import Proof

T = TypeVar("T")
_UNBOUND = Proof({})
"""The proof of a service whose users may be served anywhere."""


@dataclass(frozen=True, slots=True)
class _KeptProof:
    service: Service
    tree: Sequence[Any]
    proof: Proof


class ResidencyCache:
    """The last proof of each service."""

    def __init__(self) -> None:
        self._kept: dict[str, _KeptProof] = {}

    def of(
        self, lever: Lever[T, Any, Any], name: str, service: Service, listing: Sequence[T]
    ) -> Proof:
        """The lever's proof over its target's listing."""
        if all(pool.residency is None for pool in service.pools.values()):
            return _UNBOUND
        kept = self._kept.get(name)
        if kept is None or kept.service != service or not _same(lever, kept.tree, listing):
            kept = _KeptProof(service, listing, lever.prove(name, service, listing))
            self._kept[name] = kept
        return kept.proof

    def forget_all_but(self, names: Container[str]) -> None:
        """Drop the proofs of services of other names."""
        self._kept = {name: kept for name, kept in self._kept.items() if name in names}


def _same(lever: Lever[T, Any, Any], old: Sequence[T], new: Sequence[T]) -> bool:
    """Whether two listings differ in nothing that a proof reads. AWS lists in a stable order."""
    alike = lever.is_same_for_proof
    return len(old) == len(new) and all(
        before is after or alike(before, after) for before, after in zip(old, new, strict=True)
    )
