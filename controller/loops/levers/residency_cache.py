"""Caches the residency proofs of bound pools while they hold.

A proof covers every state of weights, dials and health that a tree could have. So it is made again
only when something else at AWS, or the service's settings, has changed.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from controller.model.configuration import Service
from controller.planning.levers.lever import Lever
from controller.planning.residency.proof import Proof
from controller.planning.residency.zone_listings import ZoneScope

T = TypeVar("T")
_UNBOUND = Proof({})
"""The proof of a service whose users may be served anywhere."""


@dataclass(frozen=True, slots=True)
class _KeptProof:
    service: Service
    tree: Sequence[Any]
    scope: ZoneScope | None
    proof: Proof


class ResidencyCache:
    """The last proof of each service."""

    def __init__(self) -> None:
        self._kept: dict[str, _KeptProof] = {}
        self.scope: ZoneScope | None = None
        """What the listings show of their target; None: all of it."""

    def within(self, scope: ZoneScope | None) -> Self:
        """The same cache, for listings that show no more of their target than the scope."""
        view = copy(self)  # shares the proofs with this one
        view.scope = scope
        return view

    def of(
        self, lever: Lever[T, Any, Any], name: str, service: Service, listing: Sequence[T]
    ) -> Proof:
        """The lever's proof over its target's listing."""
        if all(pool.residency is None for pool in service.pools.values()):
            return _UNBOUND
        kept = self._kept.get(name)
        if (
            kept is None
            or kept.service != service
            or kept.scope != self.scope
            or not is_same_tree(lever, kept.tree, listing)
        ):
            proof = lever.prove(name, service, listing, self.scope)
            kept = self._kept[name] = _KeptProof(service, listing, self.scope, proof)
        return kept.proof

    def forget_all_but(self, names: Container[str]) -> None:
        """Drop the proofs of services of other names."""
        for name in [name for name in self._kept if name not in names]:
            del self._kept[name]


def is_same_tree(lever: Lever[T, Any, Any], old: Sequence[T], new: Sequence[T]) -> bool:
    """Whether two listings differ in nothing that a proof reads. AWS lists in a stable order."""
    alike = lever.is_same_for_proof
    return len(old) == len(new) and all(
        before is after or alike(before, after) for before, after in zip(old, new, strict=True)
    )
