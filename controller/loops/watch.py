"""One endpoint or canary as it is probed: its turns, its confirmations, what is believed of it.

Nothing waits here: every method is called when something happened, and returns at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from controller.loops.agenda import Agenda
from controller.model.configuration import Endpoint, EndpointId, Health
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health.hysteresis import advance
from controller.ports import Target

_FAILED = ProbeOutcome.FAILED
ProbeObserver = Callable[[ProbeResult], None]
"""Told every result of one endpoint or canary."""


class Pace(NamedTuple):
    """How often, how patiently, and how soon again after a failure."""

    interval_s: float
    least_s: float
    """The shortest that a probe's deadline may become."""
    most_s: float
    gaps_s: tuple[float, ...]
    """From the end of each probe that failed to the next confirmation."""


class Observer(Protocol):
    """Told by every watch what it saw."""

    limits: Health
    confirmations: Agenda[Watch]

    def saw(self, watch: Watch, before: HealthState) -> None:
        """A result was folded into a watch's state."""
        ...

    def suspects(self, watch: Watch) -> None:
        """An endpoint failed that was not down: whoever can contradict must be asked."""
        ...

    def broke(self, error: Exception) -> None:
        """A callback failed, which nobody else would hear of."""
        ...


class Watch:
    """Fulfils Watcher. Slots, because there are many."""

    __slots__ = (
        "_confirm_at",
        "_confirmations",
        "_is_asked",
        "_is_kicked",
        "_observer",
        "_tell",
        "_was_disturbed",
        "endpoint",
        "key",
        "level",
        "pace",
        "state",
        "target",
    )

    def __init__(
        self,
        observer: Observer,
        key: EndpointId | str,
        endpoint: Endpoint,
        pace: Pace,
        tell: ProbeObserver,
    ) -> None:
        """`key`: an endpoint's id, or a canary's address; `tell`: told every result."""
        self._observer = observer
        self._tell = tell
        self.key = key
        self.endpoint = endpoint
        self.pace = pace
        self.state = HealthState()
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
    def _is_busy(self) -> bool:
        return self._is_asked or self._confirmations > 0

    def turn(self, due: float, now: float) -> float | None:
        """Its turn has come; when the next one does. Turns that were missed are skipped."""
        if self.target is None:
            return None
        self._was_disturbed = False
        if not (self._is_asked or self._confirmations):
            self._ask(self.target)
        interval_s = self.pace.interval_s
        due += interval_s
        return due if due > now else due + interval_s * (1 + (now - due) // interval_s)

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
            before, observer = self.state, self._observer
            self.state = advance(before, result, observer.limits)
            self._tell(result)
            observer.saw(self, before)
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
            before, observer = self.state, self._observer
            self.state = advance(before, result, observer.limits)
            self._tell(result)
            observer.saw(self, before)
            if self._is_kicked and not self._is_busy:
                self.kick()
        except Exception as error:
            self._observer.broke(error)

    def disturbed(self) -> None:
        """Ask whoever closed its connection, but once in an interval: some servers always do."""
        if not self._was_disturbed:
            self._was_disturbed = True
            self.kick()

    def _go_on_confirming(self, result: ProbeResult) -> None:
        """After a first failure probe on, until it answers or is down. Canaries wait their turn."""
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
