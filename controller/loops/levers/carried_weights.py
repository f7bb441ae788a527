"""Weights inside positions that a drain must not lose: learned from readings, kept on disk.

They are learned as AWS shows them (`Lever.learn`), not before what an earlier process kept was
read: only then is it known whether a position is seen for the first time. What is learned is saved
at once, beside the cycle. The state file takes its writes in their order, so that a ratio is stored
before the intent of the drain that loses it (`expectations`). A save that fails is tried again in
the next cycle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from controller.model.configuration import Service
from controller.model.errors import StateUnavailableError
from controller.model.levers import CarriedWeights, KeptWeights, PartWeights, Position
from controller.planning.levers.lever import NONE_CARRIED, Resources
from controller.planning.levers.registry import AnyLever
from controller.ports import KeptPartWeights

_log = structlog.get_logger("carried_weights")


class WeightMemory:
    """Position to the weights of its parts, as last seen while it was open."""

    def __init__(self, store: KeptPartWeights) -> None:
        self._store = store
        self._kept: dict[Position, KeptWeights] = {}
        self._by_service: dict[tuple[str, str], CarriedWeights] = {}
        """Service and lever to its part of `_kept`; the same object until it changes."""
        self._unsaved: dict[Position, KeptWeights] = {}
        self._saving: asyncio.Task[None] | None = None
        self.loaded = False
        """Whether what an earlier process kept was read."""

    async def load(self) -> None:
        """Read what an earlier process kept. Raises StateUnavailableError."""
        self._kept = {**await self._store.kept_weights(), **self._kept}
        self._by_service.clear()
        self.loaded = True

    async def end(self) -> None:
        """Cancel the save under way."""
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)

    def of(self, name: str, lever: str) -> CarriedWeights:
        """What is carried of a service behind the lever of this identity."""
        if not self._kept:
            return NONE_CARRIED
        found = self._by_service.get((name, lever))
        if found is None:
            found = self._by_service[name, lever] = {
                position: kept.weights
                for position, kept in self._kept.items()
                if position.service == name and kept.lever == lever
            }
        return found

    def learn(
        self,
        name: str,
        service: Service,
        lever: AnyLever,
        resources: Resources[object],
        is_expected: Callable[[Position], bool],
    ) -> None:
        """Learn from a reading; `save` stores what is new.

        `is_expected`: whether the daemon knows what a position should show, so that what stands
        there may be a change by somebody else.
        """
        identity = lever.identity(service)
        known = self.of(name, identity)
        learned = lever.learn(service, resources, known, lambda one: not is_expected(one))
        if learned:
            self._keep(identity, learned)

    def save(self) -> None:
        """Begin to store what is not stored yet, unless that is under way."""
        if self._unsaved and (self._saving is None or self._saving.done()):
            self._saving = asyncio.create_task(  # noqa: TID251 - `end` cancels it
                self._save(), name="saving carried weights"
            )

    def _keep(self, identity: str, learned: Mapping[Position, PartWeights]) -> None:
        kept = {position: KeptWeights(identity, weights) for position, weights in learned.items()}
        self._kept.update(kept)
        self._unsaved.update(kept)
        for name in {position.service for position in kept}:
            self._by_service.pop((name, identity), None)

    async def _save(self) -> None:
        """Save until nothing is unsaved, or the store fails."""
        while saving := dict(self._unsaved):
            try:
                await self._store.keep_weights(saving)
            except StateUnavailableError as error:
                _log.error("weights_not_durable", error=str(error), positions=len(saving))
                return
            kept = self._unsaved.items()
            self._unsaved = {p: weights for p, weights in kept if saving.get(p) != weights}
