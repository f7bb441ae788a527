"""One reading of a hosted zone or an accelerator, with what is derived from it for each service.

Values are derived on first use and cached with the reading, for each service under its settings:
decisions, writes, health checks and DNS sampling all read the same values. A reading whose listing
equals the one before keeps what was derived from that.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Self, TypeVar

from controller.loops.levers.own_writes import Beginning
from controller.loops.levers.residency_cache import ResidencyCache
from controller.model.configuration import Service
from controller.model.levers import CarriedWeights, Observed, Position
from controller.planning.levers.lever import NONE_CARRIED, Lever, Resources
from controller.planning.residency.destinations import Destination
from controller.planning.residency.proof import Proof
from controller.planning.residency.zone_listings import ZoneScope

T = TypeVar("T")
_KEPT = 2
"""Derived values kept for one service: those of the active settings and of a proposed reload."""


@dataclass(frozen=True)
class DerivedReading(Generic[T]):
    """What one reading shows of one service under given settings."""

    name: str
    service: Service
    lever: Lever[T, Any, Any]
    observed: Observed
    resources: Resources[T]
    """Those of every position; a position without any is there, too."""
    known: CarriedWeights
    """The weights that were known when it was derived."""

    @cached_property
    def destinations(self) -> Mapping[Position, Destination]:
        """The destination of each position's DNS answer."""
        return self.lever.destinations(self.resources)

    @cached_property
    def open_weights(self) -> CarriedWeights:
        """Position to its parts' weights when it is open."""
        return self.lever.open_weights(self.service, self.resources, self.known)

    @cached_property
    def checks(self) -> Mapping[Position, tuple[str, ...]]:
        """Route 53's health checks of each position; positions without any are missing."""
        return self.lever.health_check_ids(self.resources)

    def is_of(self, name: str, service: Service, known: CarriedWeights) -> bool:
        """Whether it was derived for this service with equal settings and carried weights."""
        return (
            self.name == name
            and (self.service is service or self.service == service)
            and (self.known is known or self.known == known)
        )


class Reading(Generic[T]):
    """A listing of a lever's target, and when AWS was asked for it."""

    def __init__(
        self,
        lever: Lever[T, Any, Any],
        value: Sequence[T],
        began: Beginning,
        residency_cache: ResidencyCache,
    ) -> None:
        self.value = value
        self.began = began
        self._lever = lever
        self._residency_cache = residency_cache
        self._derived: list[DerivedReading[T]] = []
        """Oldest first."""

    @property
    def at(self) -> float:
        """When AWS was asked for it, monotonic seconds."""
        return self.began.at

    @property
    def scope(self) -> ZoneScope | None:
        """What the listing shows of the target; None: all of it."""
        return self._residency_cache.scope

    def repeated(self, began: Beginning) -> Self:
        """The same listing, asked for later."""
        later = copy(self)  # shares the list of derived values with this one
        later.began = began
        return later

    def showing(self, value: Sequence[T]) -> Reading[T]:
        """The same reading with another listing: one that takes in what we wrote since."""
        return Reading(self._lever, value, self.began, self._residency_cache)

    def observed(
        self, name: str, service: Service, known: CarriedWeights = NONE_CARRIED
    ) -> Observed:
        """The observed state of the service's positions."""
        observed = self.derived(name, service, known).observed
        return observed if observed.at == self.at else replace(observed, at=self.at)

    def resources(self, name: str, service: Service) -> Resources[T]:
        """The resources of the service's positions, with whatever carried weights."""
        for one in self._derived:
            if one.is_of(name, service, one.known):
                return one.resources
        return self._lever.resources(name, service, self._index)

    def derived(
        self, name: str, service: Service, known: CarriedWeights = NONE_CARRIED
    ) -> DerivedReading[T]:
        """Everything derived for the service; computed when settings or weights are new to it."""
        for one in self._derived:
            if one.is_of(name, service, known):
                return one
        derived = self._derive(name, service, known)
        same_name = [one for one in self._derived if one.name == name]
        for old in same_name[: len(same_name) + 1 - _KEPT]:
            self._derived.remove(old)
        self._derived.append(derived)
        return derived

    def forget_all_but(self, names: Container[str]) -> None:
        """Drop what was derived for services of other names."""
        self._derived[:] = [one for one in self._derived if one.name in names]

    def _derive(self, name: str, service: Service, known: CarriedWeights) -> DerivedReading[T]:
        lever = self._lever
        resources = self.resources(name, service)
        observed = lever.observe(name, service, self._index, resources, self.at, known)
        proof = self._residency_cache.of(lever, name, service, self.value)
        return DerivedReading(name, service, lever, _with(proof, observed), resources, known)

    @cached_property
    def _index(self) -> Any:
        """The lever's index over the listing, for all services that share the target."""
        return self._lever.index(self.value)


def _with(proof: Proof, observed: Observed) -> Observed:
    return replace(observed, leaks=proof.leaks, notices=(*observed.notices, *proof.notices))
