"""How plans are made, limited and written: AWS calls, cycle, placement, ramp, guards, overrides."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from controller.model.configuration.base import ConfigModel, PositiveSeconds, Ratio, Seconds


class AwsSettings(ConfigModel):
    """How AWS's APIs are called. Credentials come from the SDK's standard chain."""

    require_endpoint_url: bool = False
    """Refuse to start where a client would call a real AWS, by the address that it resolved from
    AWS_ENDPOINT_URL, its variants and the profile. It keeps a sandbox off a real account."""
    call_deadline_s: PositiveSeconds = 5
    """Seconds after which a call has failed, waiting for a connection included."""
    calls_per_s: PositiveSeconds = 5
    """Requests per second to each AWS service. Route 53 grants an account 10 in all; the default
    leaves half of them to other programs."""
    calls_burst: Annotated[int, Field(ge=2)] = 25
    """Requests that may be sent at once before `calls_per_s` limits them."""
    calls_reserve: Annotated[int, Field(ge=0)] = 5
    """Requests of the burst that only an emergency may use. Less than `calls_burst`."""


class CycleSettings(ConfigModel):
    """How often the daemon observes, decides and acts."""

    period_s: PositiveSeconds = 10
    """Seconds between two cycles when nothing happens; the longest that drift stays unseen. Each
    cycle lists the steered names of every hosted zone once."""
    min_gap_s: Seconds = 0.2
    """Seconds between two cycles at least, however often changes of health wake the daemon."""
    observed_max_age_s: PositiveSeconds = 10
    """Age in seconds from which the observed state is read again before it is acted on."""
    whole_zone_every_s: Annotated[float, Field(ge=60, allow_inf_nan=False)] = 3600
    """Seconds after which all records of a hosted zone are listed again, one request for each 300.
    In between only the steered names are, and what they lead to: a record that appears beside them
    (a wildcard above, a delegation) is found as late as this. Lower: of an account's 5 requests a
    second, a zone of 10,000 records takes 34."""
    insync_poll_s: PositiveSeconds = 2
    """Seconds between two requests for the status of a change at Route 53, until it is INSYNC."""


class PlacementSettings(ConfigModel):
    """What makes one region better than another for a pool's users."""

    target_utilisation: Annotated[float, Field(gt=0, le=1)] = 0.85
    """Utilisation (above 0, to 1) up to which a region is filled before traffic spills to the next
    one. The rest is a reserve for errors in demand and capacity."""
    ms_per_usd_per_gb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 100
    """Milliseconds of latency that a saving of one US dollar per GB is worth. 0: price does not
    count. With the default a region at 0.12 instead of 0.09 US dollars counts as 3 ms farther."""
    move_gain_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10
    """Milliseconds that a request must gain before traffic moves without need. Each move costs
    users new connections and cold caches."""
    figures_half_life_s: PositiveSeconds = 300
    """Half-life in seconds of a measured figure (demand, latency): after it, the measurement and
    the configured value count equally."""
    min_shift_points: Annotated[float, Field(ge=0, le=100)] = 2
    """Percentage points below which a pool's split is not changed while the set of its regions
    stays the same."""


class RampSettings(ConfigModel):
    """How a region gets more traffic, step by step.

    Drains, and what other regions take over from drained ones, are never ramped.
    """

    step_points: Annotated[float, Field(gt=0, le=100)] = 25
    """Percentage points by which a region's share may rise in one step. The default needs four
    steps for the whole share; what goes wrong then affects a quarter."""
    step_gap_s: Seconds = 30
    """Seconds between two steps of one region at least: time for caches to fill and replicas to
    catch up."""
    tolerance_points: Annotated[float, Field(gt=0, le=100)] = 10
    """Percentage points by which the measured share may differ from a step's share before the next
    step. The default is less than half a step. Without reports of measured traffic no step waits
    for users."""
    look_for_s: Seconds = 600
    """Seconds after a step at which it stops waiting for users who have not followed (their
    resolvers ignore the TTL). The default is ten times the usual TTL."""
    max_error_ratio: Ratio = 0.05
    """Ratio of a region's measured requests that may fail before its ramp goes a step back. The
    default is far above usual error rates, so that a bad minute elsewhere undoes no return."""
    min_requests: Annotated[int, Field(ge=1)] = 50
    """Measured requests below which shares and error ratios are ignored: of fewer, three failures
    are chance."""
    retry_after_s: Seconds = 600
    """Seconds after a step back before the step is tried again. The default gives an operator time
    to look."""


class DriftPolicy(StrEnum):
    """What becomes of another party's change to a lever."""

    HOLD = "hold"
    ADOPT = "adopt"
    ENFORCE = "enforce"


class DriftSettings(ConfigModel):
    """What happens when another party changes a weight or dial."""

    policy: Annotated[DriftPolicy, Field(strict=False)] = DriftPolicy.HOLD
    """`hold`: wait `hold_s`, then write our plan again. `enforce`: write it again at once. `adopt`:
    keep the change until a region's health, an order, these settings or a restart ask for another
    split. With every policy, two re-assertions that are changed back end in a hold."""
    hold_s: Seconds = 900
    """Seconds for which returns and rebalancing hold after drift is seen; then our plan is written
    again. An emergency drain never waits. The default is time to give an order instead."""


class FlappingSettings(ConfigModel):
    """When a region that fails again and again is kept out for longer (route flap damping)."""

    failures: Annotated[float, Field(gt=1)] = 3
    """Penalty (failures, each halved every `half_life_s`) above which a region is kept out although
    it is up. Lower: one bad deployment that was rolled back would be punished."""
    half_life_s: PositiveSeconds = 900
    """Seconds after which a failure counts half. A region may return when its penalty is below 1,
    after four half-lives at the latest. The default is the usual one of routers (RFC 2439)."""


class GuardSettings(ConfigModel):
    """Limits on what a plan may do; an order may name a guard to override it."""

    min_active_ratio: Ratio = 0.5
    """Ratio of a pool's regions (0 to 1) that must stay serving when an operator drains or pins
    one. They must survive the next failure. A region that is down is drained all the same."""
    panic_ratio: Ratio = 0.5
    """Ratio of a service's regions (0 to 1). When more become suspect at once, one is drained only
    if a second party (Route 53, another vantage point) calls it down, too: a fault of the prober is
    then more likely than a fault of so many regions."""
    panic_window_s: PositiveSeconds = 30
    """Seconds within which failures count as "at once". A fault of the prober shows in every region
    within a few probes."""
    startup_data_s: Seconds = 30
    """Seconds of probe results needed after a start before the first write. At least the longest
    `interval_s`."""
    drift: DriftSettings = DriftSettings()
    """What happens when another party changes a weight or dial."""
    flapping: FlappingSettings = FlappingSettings()
    """When a region that fails again and again is kept out for longer."""
    writes_per_5_min: Annotated[int, Field(ge=1)] = 10
    """Batches that the daemon may write by itself in five minutes; emergencies have the same number
    in addition. The default is one ramp step every 30 s."""
    auto_drains_per_h: Annotated[int, Field(ge=1)] = 3
    """Regions that the daemon may drain by itself in an hour; the next one waits for an operator. A
    region that fails again counts once. More at once is more likely a fault of ours."""


class OverrideLimits(ConfigModel):
    """Limits of overrides; every override ends.

    `min_ttl_s <= default_ttl_s <= max_ttl_s`.
    """

    default_ttl_s: PositiveSeconds = 14_400
    """Seconds that an override lasts when the order gives no time; 4 h."""
    min_ttl_s: PositiveSeconds = 60
    """Seconds that an override must last at least."""
    max_ttl_s: PositiveSeconds = 604_800
    """Seconds that an override may last at most; a week."""
    announce_before_s: Seconds = 900
    """Seconds before its end at which an override's end is announced."""
