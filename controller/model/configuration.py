"""What an operator writes: services, regions, pools, levers, and how carefully to act on them.

Loading (files, positions of mistakes) is `controller.settings`; rules that join several fields are
`controller.settings.cross_field_rules`. Every duration is in seconds and says so in its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from controller.model.access import ApiSettings
from controller.model.config_model import ConfigModel, Geography, HostName, Name
from controller.model.name_servers import AnswerSettings

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, StringConstraints(min_length=1)]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/\S+$")]
RegionName = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]


class PlainSecretError(ValueError):
    """A value that may be a secret stands where it must not; nobody may be shown it."""


def _probe_address(value: str) -> str:
    """The address as written, when it is one that can be asked."""
    if "@" in value.partition("://")[2].partition("/")[0]:
        raise PlainSecretError("an address without user name and password; `headers` carries them")
    why = _why_no_probe(value)
    if why:
        raise ValueError(f"an address to probe ({why})")
    return value


def _why_no_probe(value: str) -> str:
    if any(character.isspace() for character in value):
        return "an address has no spaces"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return "host and port cannot be read, as they can in http://[::1]:80/"
    if parts.scheme not in ("http", "https", "tcp"):
        return "a probe starts with http://, https:// or tcp://"
    if not parts.hostname:
        return "a probe names a host, as in tcp://192.0.2.1:9000"
    if port == 0:
        return "a port is a number from 1 to 65535"
    if parts.scheme == "tcp" and (port is None or parts.path not in ("", "/")):
        return "a tcp probe is tcp://host:port, with nothing behind the port"
    return ""


def _status_set(value: object) -> int | str:
    """A status, a class or a range, as written."""
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return value
    if isinstance(value, str) and _STATUS_CLASS.fullmatch(value):
        return value
    ends = _STATUS_RANGE.fullmatch(value) if isinstance(value, str) else None
    if ends and 100 <= int(ends[1]) <= int(ends[2]) <= 599:
        return ends[0]
    raise ValueError("a status from 100 to 599, a class such as 2xx or a range such as 200-204")


def _secret_reference(value: object) -> str:
    """The reference as written; never the secret itself."""
    if isinstance(value, str) and _SECRET_REFERENCE.fullmatch(value):
        return value
    raise PlainSecretError("where a secret is found, env:NAME or file:/path, never the secret")


def _schema_version(value: object) -> int:
    """The one version that settings have once they are read."""
    if value == _VERSION and isinstance(value, int):
        return value
    raise ValueError(f"{_VERSION} (or 1, which is read as well)")


_VERSION = 2


_STATUS_CLASS = re.compile("[1-5]xx")
_STATUS_RANGE = re.compile(r"(\d{3})-(\d{3})")
_SECRET_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/\S+")
ProbeAddress = Annotated[
    str,
    AfterValidator(_probe_address),
    WithJsonSchema({"type": "string", "pattern": r"^(https?|tcp)://\S+$"}),
]
StatusSet = Annotated[
    int | str,
    PlainValidator(_status_set),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": r"^([1-5]xx|[1-5]\d\d-[1-5]\d\d)$"},
            ]
        }
    ),
]
SecretReference = Annotated[
    str,
    PlainValidator(_secret_reference),
    WithJsonSchema({"type": "string", "pattern": f"^({_SECRET_REFERENCE.pattern})$"}),
]
SchemaVersion = Annotated[
    int, PlainValidator(_schema_version), WithJsonSchema({"const": _VERSION, "type": "integer"})
]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]


class EndpointId(NamedTuple):
    """Which endpoint, among all services."""

    service: str
    region: str
    endpoint: str

    def __str__(self) -> str:
        return "/".join(self)


class Endpoint(ConfigModel):
    """One address that is probed to learn whether its region can serve."""

    probe: ProbeAddress
    """What to ask: `http://host:port/path`, `https://host/path` or `tcp://host:port`."""
    required: bool = True
    """Whether the region is down when this endpoint is."""
    host: HostName | None = None
    """Host header and TLS server name, when it is another than the probe's."""
    headers: dict[HeaderName, SecretReference] = Field({})
    """HTTP headers by where their values are found: `env:NAME` or `file:/path`."""
    ca_file: AbsolutePath | None = None
    """PEM file with the authorities an HTTPS probe trusts, instead of the system's."""
    statuses: tuple[StatusSet, ...] = Field((200,), strict=False, min_length=1)
    """HTTP statuses that pass: codes, classes (`2xx`) and ranges (`200-204`)."""
    body_contains: Text | None = None
    """Text that must stand in the first 64 KiB of the answer."""
    interval_s: PositiveSeconds | None = None
    """Seconds between probes; default: `probing.interval_s`."""
    deadline_s: PositiveSeconds | None = None
    """Seconds a probe may take; default: `probing.deadline_s`."""
    keep_alive: bool = False
    """Ask over a connection that is kept, renewed every minute: far cheaper, and its death is seen
    at once; but it shows less, for a process that takes no new connections may still answer.
    Latencies are the answers' alone, without connecting."""

    def accepts(self, status: int) -> bool:
        """Whether an answer with this HTTP status passes."""
        return any(_covers(one, status) for one in self.statuses)


def _covers(statuses: int | str, status: int) -> bool:
    if isinstance(statuses, int):
        return statuses == status
    first, _, last = statuses.replace("xx", "00-").partition("-")
    return int(first) <= status <= int(last or int(first) + 99)


class Region(ConfigModel):
    """One AWS region, as it is for every service that uses it: an entry of the catalogue."""

    jurisdiction: Text
    """Whose law holds there, for example EU or US; pools with a `residency` compare it."""
    egress_usd_per_gb: Annotated[float, Field(ge=0)] = 0.09
    """Price of traffic to the Internet; `placement.ms_per_usd_per_gb` weighs it."""
    place: Text | None = None
    """Where it is, for people: `Dublin, Ireland`. Shown, never computed with."""


class ServiceRegion(ConfigModel):
    """What one service has in one region of the catalogue, able to serve users by itself."""

    capacity_rps: Annotated[float, Field(gt=0)] | None = None
    """Requests per second the region can carry; None: nobody knows, so it is counted on for its
    part (by `share`) of each pool's demand and no more."""
    share: Annotated[float, Field(ge=0)] = 1
    """Its part, relative to the other regions', of pools that give no latencies."""
    endpoints: dict[Name, Endpoint] = Field(min_length=1)


class Pool(ConfigModel):
    """A set of geographies whose users are steered together."""

    geographies: tuple[Geography, ...] = Field(min_length=1, strict=False)
    """`country:DE`, `continent:AS` or `default` (everybody no other pool names)."""
    regions: tuple[RegionName, ...] = Field(min_length=1, strict=False)
    """The lawful regions. A region not listed has no record here in any state."""
    residency: Text | None = None
    """Jurisdiction every region of the pool must have; None: unbound."""
    demand_rps: Annotated[float, Field(ge=0)]
    """Requests per second its users ask for at peak."""
    latency_ms: dict[RegionName, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field({})
    """Milliseconds from its users to each of its regions: they are placed near. Empty: they are
    placed by the regions' shares."""


class Route53Lever(ConfigModel):
    """The weighted records `<pool>.<name>` (A and AAAA, SetIdentifier = region) of one zone."""

    hosted_zone_id: Annotated[str, StringConstraints(pattern=r"^Z[A-Z0-9]{1,31}$")]
    name: Annotated[str, StringConstraints(pattern=r"^([a-z0-9_-]+\.)+$")]
    """The service's name, lower case, with its final dot."""
    ttl_s: PositiveSeconds = 60
    """How long resolvers keep an answer; what a drain's expected effect is reckoned from."""

    def leaf_name(self, pool: str) -> str:
        """Name of a pool's weighted records."""
        return f"{pool}.{self.name}"


class AcceleratorLever(ConfigModel):
    """The endpoint groups of one Global Accelerator; exactly one pool stands behind it."""

    pool: Name
    arn: Annotated[
        str,
        StringConstraints(pattern=r"^arn:aws:globalaccelerator::\d{12}:accelerator/[0-9a-f-]+$"),
    ]
    endpoint_weight: Annotated[int, Field(ge=1, le=255)] = 128
    """Weight of an endpoint that serves; AWS's own default is 128."""
    nearest: dict[RegionName, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field({})
    """How many of the pool's users are nearest to each region, relative to each other; corrected by
    what users report. Empty: equally many."""


class Levers(ConfigModel):
    """How a service is steered: Route 53 or one accelerator, never both."""

    route53: Route53Lever | None = None
    accelerator: AcceleratorLever | None = None


class Mode(StrEnum):
    """Whether plans are carried out."""

    ACTIVE = "active"
    DRY_RUN = "dry_run"


class Service(ConfigModel):
    """One steered name with its regions, pools and levers."""

    mode: Annotated[Mode, Field(strict=False)] | None = None
    """`dry_run`: write nothing of this service, whatever becomes of others; default: the daemon's
    `mode`. The stricter of the two holds: none is more daring than its daemon."""
    regions: dict[RegionName, ServiceRegion] = Field(min_length=1)
    """Regions of the catalogue in which it runs."""
    pools: dict[Name, Pool] = Field(min_length=1)
    levers: Levers


class AwsSettings(ConfigModel):
    """How AWS is called."""

    require_endpoint_url: bool = False
    """Refuse to start unless AWS_ENDPOINT_URL is set: keeps a sandbox off a real account."""
    call_deadline_s: PositiveSeconds = 5
    """Seconds any one call may take, waiting for a connection included."""
    calls_per_s: PositiveSeconds = 5
    """Requests per second to each AWS service; Route 53 grants an account 10 in all."""
    calls_burst: Annotated[int, Field(ge=2)] = 25
    """Requests that may be made at once before the rate binds."""
    calls_reserve: Annotated[int, Field(ge=0)] = 5
    """Requests of the burst that only an emergency may spend."""


class VantageSettings(ConfigModel):
    """Where probes are asked from."""

    name: Name
    """This replica's vantage point."""
    points: tuple[Name, ...] = Field((), strict=False)
    """All configured vantage points, this one among them; empty: this one alone."""

    @property
    def all(self) -> tuple[str, ...]:
        """Every configured vantage point."""
        return self.points or (self.name,)

    @property
    def quorum(self) -> int:
        """How many equal votes make an opinion count: the majority of the configured points."""
        return len(self.all) // 2 + 1


class ReferenceTargets(ConfigModel):
    """Addresses whose answer is known beforehand, probed to find out whether the prober works."""

    known_good: tuple[ProbeAddress, ...] = Field((), strict=False)
    """Addresses that must answer and are not steered here: when most fail, the prober is broken."""
    known_bad: tuple[ProbeAddress, ...] = Field((), strict=False)
    """Addresses that must not answer: when one does, the prober calls everything healthy."""


class ProbingSettings(ConfigModel):
    """How endpoints and reference targets are probed unless they say otherwise."""

    interval_s: PositiveSeconds = 1
    deadline_s: PositiveSeconds = 2
    deadline_least_s: PositiveSeconds = 0.5
    """Seconds below which a probe is never given up, however fast its endpoint is otherwise: 0.5
    outlives bursts of loss on a single vantage point's path. `deadline_s` or more: every probe has
    its whole deadline."""
    confirm_gaps_s: Annotated[tuple[PositiveSeconds, ...], Field(strict=False, min_length=1)] = (
        0.05,
        0.2,
        0.5,
    )
    """Seconds before each confirmation probe that follows a first failure; the last one repeats."""
    fresh_for_s: PositiveSeconds = 10
    """Age at which a vantage point's opinion becomes unknown; it never becomes down by age."""
    certificate_warn_days: Annotated[float, Field(ge=0)] = 14
    """Days before a probed certificate ends at which the log warns."""


class GrayFailureSettings(ConfigModel):
    """When an endpoint that still answers counts as degraded."""

    over_probes: Annotated[int, Field(ge=10)] = 60
    """Probes over which bad ones (failed, or far slower than usual) are counted."""
    bad_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Part of them from which a region is degraded; its usable capacity goes down in steps, to
    three quarters, at three times this part to half, at eight times to a quarter, never to zero."""
    slow_factor: Annotated[float, Field(gt=1)] = 3
    """Slower than so many times its own usual latency is bad."""
    slow_least_s: Seconds = 0.05
    """And by at least so many seconds: a near endpoint answers in a few milliseconds, of which
    three times as many are no sign of anything."""


class HealthSettings(ConfigModel):
    """How much evidence a verdict needs: quick to doubt, slow to trust."""

    down_after: Annotated[int, Field(ge=1)] = 3
    """Failures (not cleared in between) that turn an endpoint down."""
    forgive_after: Annotated[int, Field(ge=1)] = 2
    """Successes in a row that clear earlier failures of an endpoint that is not down."""
    up_after: Annotated[int, Field(ge=1)] = 10
    """Successes in a row that turn an endpoint up."""
    up_for_s: Seconds = 30
    """Seconds these successes must at least span."""
    gray: GrayFailureSettings = GrayFailureSettings()


class CycleSettings(ConfigModel):
    """The pace of the one loop that acts."""

    period_s: PositiveSeconds = 10
    """Seconds between cycles when nothing happens; finds drift."""
    min_gap_s: Seconds = 0.2
    """Least seconds between two cycles, however often the loop is woken."""
    observed_max_age_s: PositiveSeconds = 10
    """Age at which what AWS said must be read again before it is acted on."""
    insync_poll_s: PositiveSeconds = 2
    """Seconds between two questions whether a change has reached all name servers."""


class PlacementSettings(ConfigModel):
    """What makes one region better than another for a pool's users."""

    target_utilisation: Annotated[float, Field(gt=0, le=1)] = 0.85
    """Part of a region's capacity that is filled before traffic spills to the next region."""
    ms_per_usd_per_gb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 100
    """Milliseconds of latency that a saving of one US dollar per GB is worth; 0: price is no
    matter."""
    move_gain_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10
    """Milliseconds a request must gain to be moved without need."""
    figures_half_life_s: PositiveSeconds = 300
    """Seconds after which a measured figure counts half against the configured one."""
    min_shift_points: Annotated[float, Field(ge=0, le=100)] = 2
    """Percentage points below which a pool's split is left alone while no region comes or goes."""


class RampSettings(ConfigModel):
    """How a region gets more traffic. Drains, and what takes over from them, are never ramped."""

    step_points: Annotated[float, Field(gt=0, le=100)] = 25
    """Percentage points a region's share may rise in one step."""
    step_gap_s: Seconds = 30
    """Least seconds between two steps of one region."""
    tolerance_points: Annotated[float, Field(gt=0, le=100)] = 10
    """Percentage points by which users' measured share may differ from a step's before the next;
    nothing is waited for where nobody reports what users do."""
    look_for_s: Seconds = 600
    """Seconds after a step from which users who have not come are waited for no longer."""
    max_error_ratio: Ratio = 0.05
    """Part of a region's measured requests that may fail before it takes a step back."""
    min_requests: Annotated[int, Field(ge=1)] = 50
    """Measured requests below which their figures say nothing."""
    retry_after_s: Seconds = 600
    """Seconds after a step back before it is tried again."""


class DriftPolicy(StrEnum):
    """What becomes of somebody else's change to a lever."""

    HOLD = "hold"
    ADOPT = "adopt"
    ENFORCE = "enforce"


class DriftSettings(ConfigModel):
    """What happens when someone else changes a lever."""

    policy: Annotated[DriftPolicy, Field(strict=False)] = DriftPolicy.HOLD
    """`hold`: wait `hold_s`, then put our plan back; `enforce`: put it back at once; `adopt`: keep
    the change until something else (a region's health, an order, these settings, a restart) asks
    for another split. Whatever the policy, two re-assertions changed back end in a hold."""
    hold_s: Seconds = 900
    """Seconds returns and rebalancing hold after drift is seen; then our plan is re-asserted.
    An emergency drain never waits."""


class FlappingSettings(ConfigModel):
    """When a region that keeps failing is no longer let back in at once."""

    failures: Annotated[float, Field(gt=1)] = 3
    """Failures, faded by age, beyond which a region is kept out when it is well again."""
    half_life_s: PositiveSeconds = 900
    """Seconds after which a failure counts half; let in again when less than one is left."""


class GuardSettings(ConfigModel):
    """Reasons for which a plan is refused; each can be named to override it."""

    min_active_ratio: Ratio = 0.5
    """Part of a pool's regions that must stay serving when a person drains or pins one."""
    panic_ratio: Ratio = 0.5
    """When more than this part of a service's regions turns suspect at once, hold."""
    panic_window_s: PositiveSeconds = 30
    """What "at once" means."""
    startup_data_s: Seconds = 30
    """Seconds of probe results needed before the first write."""
    drift: DriftSettings = DriftSettings()
    flapping: FlappingSettings = FlappingSettings()
    writes_per_5_min: Annotated[int, Field(ge=1)] = 10
    """Batches written automatically in five minutes before the daemon stops itself."""
    auto_drains_per_h: Annotated[int, Field(ge=1)] = 3
    """Regions drained automatically in an hour before the daemon stops itself."""


class OverrideLimits(ConfigModel):
    """What a person's standing instructions may look like."""

    default_ttl_s: PositiveSeconds = 14_400
    min_ttl_s: PositiveSeconds = 60
    max_ttl_s: PositiveSeconds = 604_800
    announce_before_s: Seconds = 900
    """Seconds before its expiry at which an override is announced."""


class Settings(ConfigModel):
    """Everything an operator decides."""

    schema_version: SchemaVersion
    mode: Annotated[Mode, Field(strict=False)] = Mode.ACTIVE
    """`dry_run`: decide and record, write nothing."""
    state_path: Text
    """SQLite file with overrides, decision records and audit."""
    aws: AwsSettings = AwsSettings()
    api: ApiSettings = ApiSettings()
    vantage: VantageSettings
    reference_targets: ReferenceTargets = ReferenceTargets()
    probing: ProbingSettings = ProbingSettings()
    health: HealthSettings = HealthSettings()
    cycle: CycleSettings = CycleSettings()
    answers: AnswerSettings = AnswerSettings()
    placement: PlacementSettings = PlacementSettings()
    ramp: RampSettings = RampSettings()
    guards: GuardSettings = GuardSettings()
    overrides: OverrideLimits = OverrideLimits()
    regions: dict[RegionName, Region] = Field(min_length=1)
    """The catalogue of regions: what is the same for every service; services refer to it."""
    services: dict[Name, Service] = Field(min_length=1)

    def mode_of(self, service: str) -> Mode:
        """Whether a service's plans are carried out: the stricter of its own and the daemon's."""
        modes = self.mode, self.services[service].mode
        return Mode.DRY_RUN if Mode.DRY_RUN in modes else Mode.ACTIVE

    def endpoints(self) -> Iterator[tuple[EndpointId, Endpoint]]:
        """Every probed endpoint, in the order of the file."""
        for service in self.services:
            yield from self.endpoints_of(service)

    def endpoints_of(self, service: str) -> Iterator[tuple[EndpointId, Endpoint]]:
        """A service's probed endpoints, in the order of the file."""
        for region_name, region in self.services[service].regions.items():
            for endpoint_name, endpoint in region.endpoints.items():
                yield EndpointId(service, region_name, endpoint_name), endpoint
