"""How each target is listed: runs of what is steered again and again, all of it from time to time.

The first listing of a target is whole, and says what the next ones list (`Lever.narrowed`). What
these lead to, and was not read yet, is listed by its name in the same reading. All of the target is
listed again, beside the readings and never in their place,

- `cycle.whole_zone_every_s` after the last time,
- when the structure of what the runs show has changed, or leads to new names,
- when a caller asks for it.

A whole listing that fails is tried again after a minute; readings go on without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.lever_ports import LeverPorts, RunsPort
from controller.loops.levers.residency_cache import is_same_tree
from controller.model.configuration import Service
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.planning.levers.registry import AnyLever
from controller.planning.levers.run_walk import pages_of
from controller.planning.residency.zone_listings import Run, ZoneScope
from controller.ports import Clock

_log = structlog.get_logger("listings")

_WHOLE_GAP_S = 60.0
"""Seconds between two whole listings for what changes in a zone, and after one that failed: where
others change it all the time, the calls are for readings."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the last reading of a target listed, and what is known besides."""

    resources: Sequence[Any]
    scope: ZoneScope | None
    """What the resources show of the target; None: all of it."""
    services: Sequence[Service]
    """Those for which it was listed."""
    pages: int | None
    """Requests that it took; None: they are not counted."""


@dataclass(frozen=True, slots=True)
class ListingState:
    """How a target was listed."""

    pages: int | None
    """Requests that the last reading took; None: they are not counted."""
    resources: int
    """Record sets or endpoint groups that it showed."""
    is_whole: bool
    """Whether each reading lists all of the target."""
    whole_age_s: float
    """Seconds since all of it was listed."""
    error: str
    """Why all of it could not be listed the last time; empty: it could."""


@dataclass(slots=True)
class _Target:
    """What is known of how to list one target."""

    last: Listing | None = None
    whole_at: float = -inf
    """When the last listing of all of it was begun, monotonic seconds."""
    found: tuple[ZoneScope | None] | None = None
    """The scope by a whole listing beside the readings, for the next one; None: no other."""
    task: asyncio.Task[None] | None = None
    """The whole listing beside the readings."""
    asked_at: float = inf
    """When all of it is to be listed before its time, monotonic seconds."""
    not_before: float = -inf
    error: str = ""
    """Why the last whole listing failed; empty: it did not."""
    is_unclear: bool = False
    """Whether this program failed to tell which of its names are needed."""

    @property
    def scope(self) -> ZoneScope | None:
        """What the next reading lists; None: all of the target."""
        if self.found is not None:
            return self.found[0]
        return None if self.last is None else self.last.scope

    @property
    def is_busy(self) -> bool:
        """Whether a whole listing is under way."""
        return self.task is not None and not self.task.done()


class Listings:
    """The last listing of every target, and the whole listings under way."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        ports: LeverPorts,
        clock: Clock,
        on_other_scope: Callable[[str], None],
    ) -> None:
        """`on_other_scope` is called with a target that is to be read again: a whole listing has
        changed what a reading of it shows."""
        self._active_settings = active_settings
        self._ports = ports
        self._clock = clock
        self._on_other_scope = on_other_scope
        self._targets: dict[str, _Target] = {}

    async def read(self, target: str, lever: AnyLever, services: Sequence[Service]) -> Listing:
        """List what is steered of a target. Raises as the lever's port does."""
        known = self._known(target)
        found, scope = known.found, known.scope
        listing = None
        if known.last is not None and scope is not None:
            listing = await self._list_runs(target, lever, services, scope)
        if listing is None:
            listing = await self._list_all(target, lever, services)
        if known.found is found:
            known.found = None  # else a whole listing ended meanwhile
        known.last = listing
        return listing

    def shows(self, target: str, lever: AnyLever, services: Sequence[Service]) -> bool:
        """Whether the last listing shows all names that these services need."""
        last = self._known(target).last
        if last is None or last.scope is None:
            return last is not None
        return not lever.unread(target, services, last.resources, last.scope)

    def state(self, target: str) -> ListingState | None:
        """How a target was listed; None: not yet."""
        known = self._known(target)
        if known.last is None:
            return None
        return ListingState(
            known.last.pages,
            len(known.last.resources),
            known.last.scope is None,
            max(0.0, self._clock.monotonic() - known.whole_at),
            known.error,
        )

    def was_whole_since(self, target: str, at: float) -> bool:
        """Whether a listing of all of the target was begun at this time or later."""
        return self._known(target).whole_at >= at

    def ask_for_whole(self, target: str) -> None:
        """Have all of a target listed at the next occasion."""
        known = self._known(target)
        known.asked_at = known.not_before = self._clock.monotonic()

    def start_if_due(self, target: str, lever: AnyLever, services: Sequence[Service]) -> None:
        """Start listing all of the target beside its readings, if it is time."""
        known = self._known(target)
        if self._is_due(known):
            known.asked_at = inf
            known.task = asyncio.create_task(  # noqa: TID251 - outlives its cycle; `end` cancels it
                self._list_beside(target, lever, services), name=f"listing {target}"
            )

    async def wait(self, targets: Iterable[str], wait_s: float) -> None:
        """Wait for the whole listings of these targets that are under way."""
        tasks = [task for target in targets if (task := self._known(target).task) is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=max(0.0, wait_s))

    def forget_all_but(self, targets: Container[str]) -> None:
        """Drop what is known of other targets."""
        for target in [target for target in self._targets if target not in targets]:
            task = self._targets.pop(target).task
            if task is not None:
                task.cancel()

    async def end(self) -> None:
        """Cancel the whole listings under way."""
        tasks = [known.task for known in self._targets.values() if known.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _known(self, target: str) -> _Target:
        return self._targets.setdefault(target, _Target())

    def _is_due(self, known: _Target) -> bool:
        if known.scope is None or known.is_busy:
            return False  # without a scope each reading is whole
        every_s = self._active_settings.settings.cycle.whole_zone_every_s
        due = max(known.not_before, min(known.asked_at, known.whole_at + every_s))
        return self._clock.monotonic() >= due

    async def _list_all(self, target: str, lever: AnyLever, services: Sequence[Service]) -> Listing:
        """A listing of all of the target, narrowed to what the next ones will show."""
        began = self._clock.monotonic()
        port = self._ports[lever.kind]
        listed = await port.read(target)
        pages = pages_of(len(listed)) if isinstance(port, RunsPort) else None
        known = self._known(target)
        known.whole_at, known.not_before = began, began + _WHOLE_GAP_S
        last = known.last
        if (
            last is not None
            and last.scope is None
            and not known.is_unclear
            and last.services == services
            and last.resources == listed
        ):
            return replace(last, pages=pages)
        try:
            resources, scope = lever.narrowed(target, services, listed)
        except Exception:
            # A mistake of ours, such as with a record of a new shape. Whose it concerns shows when
            # it is derived from; the others need not share in it.
            if not known.is_unclear:
                _log.exception("names_not_understood", target=target)
            known.is_unclear = True
            return Listing(listed, None, services, pages)
        known.is_unclear = False
        return Listing(resources, scope, services, pages)

    async def _list_runs(
        self, target: str, lever: AnyLever, services: Sequence[Service], scope: ZoneScope
    ) -> Listing | None:
        """A listing of the scope's runs, and of the names to which these lead.

        None: what is needed takes more pages than all of the target, or cannot be told.
        """
        last, began_with = self._known(target).last, scope
        port = self._ports[lever.kind]
        assert last is not None
        assert isinstance(port, RunsPort), f"{lever.kind} has no runs"
        listed = await port.read_runs(target, scope.runs)
        found, pages = listed.records, listed.pages
        resources = lever.assembled(found, scope)
        is_known = scope is last.scope and services == last.services
        if is_known and resources == last.resources:
            return replace(last, pages=pages)
        while True:
            try:
                unread = lever.unread(target, services, resources, scope)
            except Exception:  # a mistake of ours, which `_list_all` meets again and logs
                return None
            if not unread:
                break
            if pages + len(unread) > scope.whole_pages:
                return None
            more = await port.read_runs(target, tuple(map(Run, unread)))
            scope = scope.with_names(unread)
            found, pages = (*found, *more.records), pages + more.pages
            resources = lever.assembled(found, scope)
        is_changed = is_known and not is_same_tree(lever, last.resources, resources)
        if is_changed or scope is not began_with or services != last.services:
            self._ask_soon(target)
        return Listing(resources, scope, services, pages)

    def _ask_soon(self, target: str) -> None:
        """Have all of the target listed, for what surrounds the runs may have changed as well."""
        known = self._known(target)
        known.asked_at = min(known.asked_at, self._clock.monotonic())

    async def _list_beside(self, target: str, lever: AnyLever, services: Sequence[Service]) -> None:
        """List all of the target, and have it read by what that shows."""
        known = self._known(target)
        try:
            scope = (await self._list_all(target, lever, services)).scope
        except (ProviderUnavailableError, ProviderRejectedError) as error:
            self._on_failure(target, known, str(error))
            return
        except Exception as error:
            if not known.error:
                _log.exception("whole_listing_failed", target=target)
            self._on_failure(target, known, f"a mistake of ours: {error!r}")
            return
        if known.error:
            _log.info("whole_listing_recovered", target=target)
            known.error = ""
        if scope != known.scope:
            known.found = (scope,)
            self._on_other_scope(target)

    def _on_failure(self, target: str, known: _Target, error: str) -> None:
        if not known.error:
            _log.warning("whole_listing_failed", target=target, error=error)
        known.error = error
        known.asked_at = self._clock.monotonic()
        known.not_before = known.asked_at + _WHOLE_GAP_S
