"""One reading of a hosted zone or an accelerator, with what it says of each service.

What follows from a reading is derived when it is first asked for and kept with it, for each service
by its settings: deciding, writing, asking health checks and name servers all look at the same
values. A reading that says the same as the one before keeps what was derived of that.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Self, TypeVar

from controller.loops.levers.residency_cache import ResidencyCache
from controller.model.configuration import Service
from controller.model.levers import Observed, Position
from controller.planning.levers.lever import Lever, Resources
from controller.planning.residency.destinations import Destination
from controller.planning.residency.proof import Proof

T = TypeVar("T")
_KEPT = 2
"""Settings of one service for which a reading keeps what it says: those in force and those that a
reload looks at."""


@dataclass(frozen=True)
class DerivedReading(Generic[T]):
    """What one reading says of one service under given settings."""

    name: str
    service: Service
    lever: Lever[T, Any, Any]
    observed: Observed
    resources: Resources[T]
    """Every position's, one that has none included."""

    @cached_property
    def destinations(self) -> Mapping[Position, Destination]:
        """Where the DNS answer of each position leads."""
        return self.lever.destinations(self.resources)

    @cached_property
    def checks(self) -> Mapping[Position, tuple[str, ...]]:
        """Route 53's health checks of each position; positions without any are missing."""
        return self.lever.health_check_ids(self.resources)

    def is_of(self, name: str, service: Service) -> bool:
        """Whether it was derived for this service with exactly these settings."""
        return self.name == name and (self.service is service or self.service == service)


class Reading(Generic[T]):
    """What AWS said of a lever's target, and when it was asked (`at`, monotonic seconds)."""

    def __init__(
        self, lever: Lever[T, Any, Any], value: Sequence[T], at: float, proofs: ResidencyCache
    ) -> None:
        self.value = value
        self.at = at
        self._lever = lever
        self._proofs = proofs
        self._derived: list[DerivedReading[T]] = []
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

    def derived(self, name: str, service: Service) -> DerivedReading[T]:
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

    def _derive(self, name: str, service: Service) -> DerivedReading[T]:
        lever = self._lever
        resources = lever.resources(name, service, self._index)
        observed = lever.observe(name, service, self._index, resources, self.at)
        proof = self._proofs.of(lever, name, service, self.value)
        return DerivedReading(name, service, lever, _with(proof, observed), resources)

    @cached_property
    def _index(self) -> Any:
        """For all services that share the target."""
        return self._lever.index(self.value)


def _with(proof: Proof, observed: Observed) -> Observed:
    return replace(observed, leaks=proof.leaks, notices=(*observed.notices, *proof.notices))
