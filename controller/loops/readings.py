"""One reading of a hosted zone or an accelerator, with what it says of each service.

What follows from a reading is derived when it is first asked for and kept with it, for each service
by its settings: deciding, writing, asking health checks and name servers all look at the same
values. A reading that says the same as the one before keeps what was derived of that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, Self, TypeVar

from controller.loops.proofs import Proofs
from controller.model.configuration import Service
from controller.model.levers import EndpointGroup, Observed, Position, RecordSet
from controller.planning.residency.destinations import Destination, destinations
from controller.planning.residency.proof import Proof
from controller.planning.tree import (
    Groups,
    Leaves,
    grouped,
    leaves_in,
    observe_groups,
    observe_leaves,
)

T = TypeVar("T")
_KEPT = 2
"""Settings of one service for which a reading keeps what it says: those in force and those that a
reload looks at."""


@dataclass(frozen=True)
class Derived:
    """What one reading says of one service under given settings."""

    name: str
    service: Service
    observed: Observed
    leaves: Leaves = field(default_factory=dict)
    """Every position's, one that has none included; empty behind an accelerator."""

    @cached_property
    def destinations(self) -> Mapping[Position, Destination]:
        """Where each A leaf leads."""
        return destinations(self.leaves)

    @cached_property
    def checks(self) -> Mapping[Position, tuple[str, ...]]:
        """The health checks of each position's leaves; positions without any are missing."""
        found = {
            position: tuple(dict.fromkeys(t.health_check_id for t in twins if t.health_check_id))
            for position, twins in self.leaves.items()
        }
        return {position: ids for position, ids in found.items() if ids}

    def is_of(self, name: str, service: Service) -> bool:
        """Whether it was derived for this service with exactly these settings."""
        return self.name == name and (self.service is service or self.service == service)


class Reading(ABC, Generic[T]):
    """What AWS said, and when it was asked (`at`, monotonic seconds)."""

    def __init__(self, value: T, at: float, proofs: Proofs) -> None:
        self.value = value
        self.at = at
        self._proofs = proofs
        self._derived: list[Derived] = []
        """Oldest first."""

    def again(self, at: float) -> Self:
        """The reading that said the same, asked later."""
        later = copy(self)  # with what was derived, and what will be
        later.at = at
        return later

    def observed(self, name: str, service: Service) -> Observed:
        """What it says of the service's positions."""
        observed = self.derived(name, service).observed
        return observed if observed.at == self.at else replace(observed, at=self.at)

    def derived(self, name: str, service: Service) -> Derived:
        """Everything it says of the service; derived when these settings are new to it."""
        for known in self._derived:
            if known.is_of(name, service):
                return known
        derived = self._derive(name, service)
        same_name = [known for known in self._derived if known.name == name]
        for old in same_name[: len(same_name) + 1 - _KEPT]:
            self._derived.remove(old)
        self._derived.append(derived)
        return derived

    def forget_all_but(self, names: Container[str]) -> None:
        """Drop what was derived for services of other names."""
        self._derived[:] = [known for known in self._derived if known.name in names]

    @abstractmethod
    def _derive(self, name: str, service: Service) -> Derived: ...


class ZoneReading(Reading[tuple[RecordSet, ...]]):
    """The record sets of a hosted zone."""

    def _derive(self, name: str, service: Service) -> Derived:
        leaves = leaves_in(name, service, self._groups)
        observed = observe_leaves(name, service, self._groups, leaves, self.at)
        proof = self._proofs.of_records(name, service, self.value)
        return Derived(name, service, _with(proof, observed), leaves)

    @cached_property
    def _groups(self) -> Groups:
        return grouped(self.value)


class AcceleratorReading(Reading[tuple[EndpointGroup, ...]]):
    """The endpoint groups of an accelerator."""

    def _derive(self, name: str, service: Service) -> Derived:
        observed = observe_groups(name, service, self.value, self.at)
        proof = self._proofs.of_groups(name, service, self.value)
        return Derived(name, service, _with(proof, observed))


def _with(proof: Proof, observed: Observed) -> Observed:
    return replace(observed, leaks=proof.leaks, notices=(*observed.notices, *proof.notices))
