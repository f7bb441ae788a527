"""How probes are sent, and how much evidence their results give."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.model.configuration.base import ConfigModel, Name, PositiveSeconds, Seconds
from controller.model.configuration.endpoints import AddressRule, ProbeAddress


class VantageSettings(ConfigModel):
    """The vantage point of this replica: the place from which it probes."""

    name: Name
    """Name of this replica's vantage point."""
    points: tuple[Name, ...] = Field((), strict=False)
    """Names of all vantage points, this replica's included. Empty: this one alone. Replicas do not
    share their votes yet, so no other name is allowed."""

    @property
    def all(self) -> tuple[str, ...]:
        """Names of all vantage points."""
        return self.points or (self.name,)

    @property
    def quorum(self) -> int:
        """Equal votes that make a verdict: the majority, `len(all) // 2 + 1`."""
        return len(self.all) // 2 + 1


class ReferenceTargets(ConfigModel):
    """Addresses whose probe result is known beforehand. They show whether the prober works."""

    known_good: tuple[ProbeAddress, ...] = Field((), strict=False)
    """Addresses that must answer and that gtc does not steer. When most of them fail at once, the
    prober is broken and its verdicts do not count. Three are sensible."""
    known_bad: tuple[ProbeAddress, ...] = Field((), strict=False)
    """Addresses that must not answer. When one answers, the prober cannot see failures and its
    verdicts do not count. One is sensible."""


class ProbingSettings(ConfigModel):
    """How endpoints and reference targets are probed; an endpoint may set some of it itself."""

    interval_s: PositiveSeconds = 1
    """Seconds between two probes of one endpoint. Longer: less load on the endpoints. Shorter: a
    failure is seen sooner."""
    deadline_s: PositiveSeconds = 2
    """Timeout of a probe, seconds: without an answer until then it fails. Not above `interval_s`,
    because an endpoint's next probe waits for its last one."""
    deadline_least_s: PositiveSeconds = 0.5
    """Lower limit of the adaptive probe timeout, seconds: `deadline_least_s <= timeout <=
    deadline_s`. Between the two limits the timeout follows the endpoint's latency (RFC 6298: mean
    plus four deviations, times 1.5 after each silence). The default tolerates bursts of packet
    loss on the path of a single vantage point. `deadline_s` or more: the timeout is always
    `deadline_s`."""
    confirm_gaps_s: Annotated[tuple[PositiveSeconds, ...], Field(strict=False, min_length=1)] = (
        0.05,
        0.2,
        0.5,
    )
    """Seconds before each confirmation probe after a first failure; the last gap repeats. With the
    default a real failure is known before the next interval, and one burst of packet loss (tens of
    milliseconds) is not taken for a failure."""
    fresh_for_s: PositiveSeconds = 10
    """Seconds after an endpoint's last result at which its verdict becomes unknown. Unknown changes
    nothing; a verdict never becomes down by age. At least `interval_s + deadline_s`."""
    unreachable_for_s: PositiveSeconds = 30
    """Seconds without a route to an endpoint after which its probes count as failures, provided
    that known-good reference targets and endpoints of other regions answer over the same address
    family (IPv4 or IPv6). Before, or without such answers, the route may be missing here, and the
    endpoint is unknown."""
    addresses: Annotated[AddressRule, Field(strict=False)] = AddressRule.MOST
    """How many addresses of an endpoint's name must be down for the endpoint to be down: `most`
    (more than two thirds), `any` or `all`. Those without a fresh result do not count. An endpoint
    of which fewer are down is degraded."""
    certificate_warn_days: Annotated[float, Field(ge=0)] = 14
    """Days before the end of a probed certificate at which the log warns. Certificates that are
    renewed automatically are renewed about 30 days before."""


class GrayFailureSettings(ConfigModel):
    """When an endpoint that still answers counts as degraded (gray failure).

    A degraded region counts as smaller, in steps, and is never emptied for it.
    """

    over_probes: Annotated[int, Field(ge=10)] = 60
    """Number of recent probes over which bad ones (failed, or much slower than usual) are counted.
    """
    bad_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Ratio of bad probes from which a region is degraded. Usable capacity: 3/4 from `bad_ratio`,
    1/2 from three times it, 1/4 from eight times it, never 0. With the default four bad probes in a
    row of sixty degrade a region, three do not."""
    slow_factor: Annotated[float, Field(gt=1)] = 3
    """A probe is bad when its latency exceeds the endpoint's usual latency by this factor and by
    `slow_least_s`. Twice as slow happens on any busy day."""
    slow_least_s: Seconds = 0.05
    """Seconds by which a slow probe must exceed the usual latency at least. It matters for near
    endpoints: three times a few milliseconds is no sign of trouble."""


class HealthSettings(ConfigModel):
    """How many results change a verdict: few for down, many for up."""

    down_after: Annotated[int, Field(ge=1)] = 3
    """Failures, not cleared by successes in between, that turn an endpoint down."""
    forgive_after: Annotated[int, Field(ge=1)] = 2
    """Successes in a row that clear the earlier failures of an endpoint that is not down."""
    up_after: Annotated[int, Field(ge=1)] = 10
    """Successes in a row that turn an endpoint up."""
    up_for_s: Seconds = 30
    """Seconds that these successes must span at least. Longer: regions that come and go return
    later."""
    gray: GrayFailureSettings = GrayFailureSettings()
    """When an endpoint that still answers counts as degraded."""
