"""Polls Route 53's health checks of the weighted records; those in question come first.

In question are the checks of regions that are suspect, down or unknown to our probes, and those
that are not up to Route 53. All others are polled round-robin and slowly, because AWS allows one
such call a second (`adapters.aws.health_checks`) and failover must never wait for it.
`planning.health.check_status` evaluates the reports. A check of an undocumented form gives the
verdict unknown, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.reconciliation import CycleReport
from controller.loops.levers.observation import Observation
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.health import Verdict
from controller.model.levers import Position
from controller.model.second_opinions import CheckDefinition, CheckKind, Opinion
from controller.planning.health.check_status import (
    Checkers,
    advance,
    calculated_opinion,
    endpoint_opinion,
)
from controller.ports import Clock, HealthChecks

_log = structlog.get_logger("check_opinions")
_IN_QUESTION_EVERY_S = 2.0
_OTHERS_EVERY_S = 30.0
_ROUND_ROBIN_GAP_S = 5.0
"""Seconds between two polls of checks that are not in question, at least."""
_IDLE_S = 1.0
_DEFINITION_MAX_AGE_S = 300.0
"""Seconds after which a check's definition is read again: an operator may have changed it."""
_NESTED = "its health check counts another calculated check, which AWS does not allow"
_ASKED_ELSEWHERE = "an alarm's or a routing control's status cannot be asked for"


@dataclass(frozen=True, slots=True)
class _CachedDefinition:
    check: CheckDefinition
    at: float


class HealthCheckOpinions:
    """The last opinion of Route 53's health check of every weighted record."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        checks: HealthChecks,
        observation: Observation,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        """`wake` is called when a check's verdict changed to up or down."""
        self._active_settings = active_settings
        self._checks = checks
        self._observation = observation
        self._clock = clock
        self._wake = wake
        self._check_ids: dict[Position, tuple[str, ...]] = {}
        self._in_question: set[str] = set()
        self._definitions: dict[str, _CachedDefinition] = {}
        self._checkers: dict[str, Checkers] = {}
        self._opinions: dict[str, Opinion] = {}
        self._asked_at: dict[str, float] = {}
        """Id of every weighted record's check to when it was last polled."""
        self._round_robin_at = float("-inf")
        self._failing: set[str] = set()
        self._not_understood: set[str] = set()

    def latest(self) -> Mapping[Position, Opinion]:
        """Position to the opinion of its health check; positions without one are missing."""
        found = {}
        for position, ids in self._check_ids.items():
            opinions = [self._opinions[i] for i in ids if i in self._opinions]
            # A and AAAA records mostly share a check; where two checks differ, neither counts.
            if opinions and len({o.verdict for o in opinions}) == 1:
                found[position] = opinions[0]
        return found

    def begin_anew(self) -> None:
        """Forget all opinions, and ask again; an answer under way counts no more."""
        self._opinions.clear()
        self._checkers.clear()
        self._asked_at = dict.fromkeys(self._asked_at, float("-inf"))

    def on_cycle(self, report: CycleReport) -> None:
        """Note which checks the observed records have, and which regions are in question."""
        self._check_ids = dict(self._observed_check_ids(report))
        used = {i for ids in self._check_ids.values() for i in ids}
        self._in_question = {
            check_id
            for position, ids in self._check_ids.items()
            if (seen := report.decision.regions.get(position.service, {}).get(position.region))
            if seen.verdict is not Verdict.UP or seen.suspect_since is not None
            for check_id in ids
        }
        self._asked_at = {i: self._asked_at.get(i, float("-inf")) for i in used}
        self._forget_all_but(used)

    async def run(self) -> None:
        """Poll until cancelled, one check after the other."""
        while True:
            check_id = self._next()
            if check_id is None:
                await self._clock.sleep(_IDLE_S)
                continue
            self._asked_at[check_id] = asked_at = self._clock.monotonic()
            try:
                opinion = await self._opinion(check_id)
            except (ProviderUnavailableError, ProviderRejectedError) as error:
                if check_id not in self._failing:
                    _log.warning("health_check_unknown", check=check_id, error=str(error))
                self._failing.add(check_id)
                self._definitions.pop(check_id, None)  # it may be another by now
            else:
                self._failing.discard(check_id)
                # Otherwise no record has it any more, or what was asked before counts no more.
                if self._asked_at.get(check_id) == asked_at:
                    self._update(check_id, opinion)

    def _forget_all_but(self, used: Collection[str]) -> None:
        """Forget all checks but these and, where they are calculated, their children."""
        below = (self._definitions[i].check.children for i in used if i in self._definitions)
        needed = set(used).union(*below)
        for known in (self._opinions, self._definitions, self._checkers):
            for check_id in known.keys() - needed:
                del known[check_id]
        self._failing &= needed
        self._not_understood &= needed

    def _observed_check_ids(
        self, report: CycleReport
    ) -> Iterator[tuple[Position, tuple[str, ...]]]:
        for name in self._active_settings.settings.services:
            if name in report.snapshot.observed:
                yield from self._observation.checks(name).items()

    def _next(self) -> str | None:
        """The check to be polled now, if any: the one that has waited longest."""
        now = self._clock.monotonic()
        waited = {check_id: now - at for check_id, at in self._asked_at.items()}
        urgent = {i for i, o in self._opinions.items() if o.verdict is not Verdict.UP}
        urgent = (urgent | self._in_question) & waited.keys()
        due = [i for i in urgent if waited[i] >= _IN_QUESTION_EVERY_S]
        if not due and now - self._round_robin_at >= _ROUND_ROBIN_GAP_S:
            due = [i for i, s in waited.items() if i not in urgent and s >= _OTHERS_EVERY_S]
            self._round_robin_at = now if due else self._round_robin_at
        return max(due, key=lambda i: (waited[i], i), default=None)

    async def _opinion(self, check_id: str) -> Opinion:
        """A check's opinion; unknown, with the reason, where this program fails on it.

        Raises ProviderUnavailableError and ProviderRejectedError.
        """
        try:
            return await self._understood(check_id)
        except (ProviderUnavailableError, ProviderRejectedError):
            raise
        except Exception as error:
            if check_id not in self._not_understood:
                _log.exception("health_check_not_understood", check=check_id)
            self._not_understood.add(check_id)
            detail = f"its health check is not understood: {error!r}"
            return Opinion(Verdict.UNKNOWN, self._clock.monotonic(), detail)

    async def _understood(self, check_id: str) -> Opinion:
        check = await self._definition(check_id)
        if check.kind is CheckKind.CALCULATED:
            children = [await self._child(child) for child in check.children]
            return calculated_opinion(children, check, self._clock.monotonic())
        return await self._endpoint(check_id, check)

    async def _child(self, check_id: str) -> Opinion:
        """The opinion of a child of a calculated check."""
        check = await self._definition(check_id)
        if check.kind is CheckKind.CALCULATED:
            return Opinion(Verdict.UNKNOWN, self._clock.monotonic(), _NESTED)
        return await self._endpoint(check_id, check)

    async def _endpoint(self, check_id: str, check: CheckDefinition) -> Opinion:
        if check.kind is CheckKind.OTHER:
            return Opinion(Verdict.UNKNOWN, self._clock.monotonic(), _ASKED_ELSEWHERE)
        if not check.disabled:
            reports = await self._checks.reports(check_id)
            known = self._checkers.get(check_id, {})
            self._checkers[check_id] = advance(known, reports, check)
        checkers = self._checkers.get(check_id, {})
        return endpoint_opinion(checkers, check, self._clock.monotonic(), self._clock.wall())

    async def _definition(self, check_id: str) -> CheckDefinition:
        known, now = self._definitions.get(check_id), self._clock.monotonic()
        if known is None or now - known.at >= _DEFINITION_MAX_AGE_S:
            known = _CachedDefinition(await self._checks.definition(check_id), now)
            self._definitions[check_id] = known
        return known.check

    def _update(self, check_id: str, opinion: Opinion) -> None:
        before = self._opinions.get(check_id)
        self._opinions[check_id] = opinion
        was = before.verdict if before else Verdict.UNKNOWN
        if opinion.verdict not in (was, Verdict.UNKNOWN):
            self._wake()
