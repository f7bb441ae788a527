"""One endpoint or reference target as it is probed: its turns, confirmations, believed state.

Nothing waits here: every method is called when something happened, and returns at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from controller.loops.probing.one_shot_timers import OneShotTimers
from controller.loops.probing.open_failures import OpenFailures
from controller.model.configuration import Endpoint, EndpointId, HealthSettings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health.hysteresis import advance
from controller.planning.health.steady_state import SteadyState
from controller.ports import Target

_FAILED = ProbeOutcome.FAILED
ProbeObserver = Callable[[ProbeResult], None]
"""Told every result of one endpoint or reference target."""


class ProbeTiming(NamedTuple):
    """How often, how patiently, and how soon again after a failure."""

    interval_s: float
    least_s: float
    """The shortest that a probe's deadline may become."""
    most_s: float
    gaps_s: tuple[float, ...]
    """From the end of each probe that failed to the next confirmation."""


class MonitorHost(Protocol):
    """Told by every watch what it saw."""

    limits: HealthSettings
    confirmations: OneShotTimers[EndpointMonitor]
    doubts: OpenFailures

    def saw(self, watch: EndpointMonitor, before: HealthState) -> None:
        """A result was folded into a watch's state, other than an answer like those before it."""
        ...

    def suspects(self, watch: EndpointMonitor) -> None:
        """An endpoint failed that was not down: whoever can contradict must be asked."""
        ...

    def broke(self, error: Exception) -> None:
        """A callback failed, which nobody else would hear of."""
        ...


class EndpointMonitor:
    """Fulfils Watcher. Slots, because there are many."""

    __slots__ = (
        "_confirm_at",
        "_confirmations",
        "_is_asked",
        "_is_kicked",
        "_observer",
        "_state",
        "_steady",
        "_tell",
        "_was_disturbed",
        "endpoint",
        "key",
        "level",
        "pace",
        "target",
    )

    def __init__(
        self,
        observer: MonitorHost,
        key: EndpointId | str,
        endpoint: Endpoint,
        pace: ProbeTiming,
        tell: ProbeObserver,
    ) -> None:
        """`key`: an endpoint's id, or a reference target's address; `tell`: told every result."""
        self._observer = observer
        self._tell = tell
        self.key = key
        self.endpoint = endpoint
        self.pace = pace
        self._state = HealthState()
        self._steady: SteadyState | None = None
        """What holds instead while it answers as usual."""
        self.level = 0
        """How many steps it is degraded, as far as this vantage point can tell."""
        self.target: Target | None = None
        """What is asked; None before the probing runs and after the end of this watch."""
        self._is_asked = False
        self._is_kicked = False
        """Whether to ask once more, out of turn, when the present probe is over."""
        self._was_disturbed = False
        """Whether its connection's end has led to a probe since its last turn."""
        self._confirmations = 0
        """How many more probes may follow a first failure."""
        self._confirm_at = 0.0

    @property
    def state(self) -> HealthState:
        """What is believed of it, as of now."""
        return self._state if self._steady is None else self._steady.state()

    def forget(self) -> None:
        """Believe nothing of it any more."""
        self._state, self._steady = HealthState(), None

    def follow(self, pace: ProbeTiming) -> None:
        """Other settings are in force, with other limits perhaps."""
        self.pace = pace
        self._state, self._steady = self.state, None

    @property
    def _is_busy(self) -> bool:
        return self._is_asked or self._confirmations > 0

    def turn(self) -> None:
        """Its turn has come; it is missed while a probe is under way."""
        self._was_disturbed = False
        target = self.target
        if target is None or self._is_asked or self._confirmations:
            return
        # `_ask`, written out: one call less for every probe.
        self._is_asked, self._is_kicked, pace = True, False, self.pace
        try:
            target.ask(pace.least_s, pace.most_s)
        except Exception as error:
            self._observer.broke(error)

    def kick(self) -> None:
        """Ask at once, or once more when the probe under way is over: its answer says too little
        about the time after this call."""
        if self.target is None or self._is_busy:
            self._is_kicked = True
        else:
            self._ask(self.target)

    def confirm(self, due: float, now: float) -> None:
        """The gap behind a failure is over."""
        if self._confirmations and due == self._confirm_at and self.target is not None:
            self._ask(self.target)

    def aim(self, target: Target) -> None:
        """Ask this target from now on; a probe under way is begun anew."""
        self.close()
        self.target = target
        if self._is_asked:
            self._ask(target)

    def close(self) -> None:
        """Ask no more."""
        if self.target is not None:
            self.target.close()
            self.target = None

    def _ask(self, target: Target) -> None:
        self._is_asked, self._is_kicked = True, False
        pace = self.pace
        try:
            target.ask(pace.least_s, pace.most_s)
        except Exception as error:
            self._observer.broke(error)

    # -- Watcher

    def answered(self, result: ProbeResult) -> None:
        """As the port promises."""
        try:
            self._is_asked = False
            steady = self._steady
            if (
                steady is not None
                and steady.last_result_at >= self._observer.doubts.latest
                and steady.try_fold(result)
            ):
                self._tell(result)
            else:
                self._fold(result)
                if self._confirmations or result.outcome is _FAILED:
                    self._go_on_confirming(result)
            if self._is_kicked and not self._is_busy:
                self.kick()
        except Exception as error:
            self._observer.broke(error)

    def answered_late(self, result: ProbeResult) -> None:
        """It is not dead, then: there is nothing to confirm."""
        try:
            self._confirmations = 0
            self._fold(result)
            if self._is_kicked and not self._is_busy:
                self.kick()
        except Exception as error:
            self._observer.broke(error)

    def _fold(self, result: ProbeResult) -> None:
        before, observer = self.state, self._observer
        self._state, self._steady = advance(before, result, observer.limits), None
        self._tell(result)
        observer.saw(self, before)
        if not self.level:
            self._steady = SteadyState.of(self._state, observer.limits.gray)

    def disturbed(self) -> None:
        """Ask whoever closed its connection, but once in an interval: some servers always do."""
        if not self._was_disturbed:
            self._was_disturbed = True
            self.kick()

    def _go_on_confirming(self, result: ProbeResult) -> None:
        """After a first failure probe on, until it answers or is down. Reference targets wait."""
        is_down = self.state.verdict is Verdict.DOWN
        allowed = self._observer.limits.down_after
        if self._confirmations:
            self._confirmations -= 1
            if is_down or result.outcome is ProbeOutcome.PASSED:
                self._confirmations = 0
        elif not is_down and isinstance(self.key, EndpointId):
            self._observer.suspects(self)
            self._confirmations = allowed
        if self._confirmations:
            gaps = self.pace.gaps_s
            gap_s = gaps[min(allowed - self._confirmations, len(gaps) - 1)]
            self._confirm_at = result.at + gap_s
            self._observer.confirmations.add(self._confirm_at, self)
