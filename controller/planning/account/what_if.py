"""What if: hypotheses that users write, applied to a snapshot.

For a region that is supposed down every vantage point has confirmed it, the reference targets
answer, and Route 53's own checks, where their status is read, agree. Several regions that are
supposed down fail at the same time, so that the plan shows the guards against that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from controller.model.configuration import EndpointId, Pool, Service, ServiceRegion, Settings
from controller.model.decision import Snapshot
from controller.model.errors import InvalidRequestError, within
from controller.model.health import HealthState, Verdict
from controller.model.overrides import Override, OverrideKind
from controller.model.second_opinions import Opinion
from controller.planning.health.hysteresis import is_fresh

EXAMPLES = (
    "eu-west-1 down",
    "shop/eu-west-1 down",
    "drain eu-west-1",
    "failover shop/europe/eu-west-1",
    "demand ×1.5",
    "demand europe ×1.5",
    "capacity eu-west-1 ×0.5",
)
"""One example of each form of hypothesis."""
FIELD = "hypotheses"
_FACTOR = re.compile(r"(?P<what>.+?)(?:\s+[xX]|\s*[×*])\s*(?P<factor>[0-9]{1,9}(?:\.[0-9]{1,9})?)")
_LARGEST = 1000.0
_ORDERS = {"drain": OverrideKind.DRAIN, "failover": OverrideKind.FAILOVER}
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Times of a supposed order; planning does not read them."""
PREVIEW_AUTHOR = "preview"
"""Author of a supposed order."""
PREVIEW_REASON = "supposed"
"""Its reason."""


@dataclass(frozen=True, slots=True)
class Hypothetical:
    """A snapshot under hypotheses."""

    snapshot: Snapshot
    down: frozenset[tuple[str, str]] = frozenset()
    """Pairs of service and region that are supposed down."""


def apply_hypotheses(snapshot: Snapshot, hypotheses: Iterable[str]) -> Hypothetical:
    """The snapshot under all hypotheses.

    Raises InvalidRequestError with the number of the wrong one and what is allowed.
    """
    supposed = Hypothetical(snapshot)
    for number, text in enumerate(hypotheses):
        with within(f"{FIELD}.{number}"):
            supposed = _suppose(supposed, " ".join(text.split()))
    return supposed


def with_region_down(snapshot: Snapshot, service: str, region: str) -> Hypothetical:
    """The snapshot with one region of one service down."""
    return _down(Hypothetical(snapshot), [(service, region)])


def _suppose(supposed: Hypothetical, text: str) -> Hypothetical:
    settings = supposed.snapshot.settings
    verb, _, rest = text.partition(" ")
    if rest == "down":
        return _down(supposed, _places(settings, verb))
    if verb in _ORDERS and rest and " " not in rest:
        snapshot = _ordered(supposed.snapshot, _ORDERS[verb], rest)
        return replace(supposed, snapshot=snapshot)
    scaled = _FACTOR.fullmatch(text)
    if scaled is None:
        raise _wrong(f"{text!r} is no hypothesis; allowed are, for example", EXAMPLES)
    kind, _, place = scaled["what"].partition(" ")
    factor = float(scaled["factor"])
    if factor > _LARGEST:
        raise _wrong(f"the factor in {text!r} is above {_LARGEST:g}")
    if kind == "demand":
        return replace(supposed, snapshot=_demand(supposed.snapshot, place, factor))
    if kind == "capacity" and place:
        return replace(supposed, snapshot=_capacity(supposed.snapshot, place, factor))
    raise _wrong(f"{text!r} is no hypothesis; allowed are, for example", EXAMPLES)


def _down(supposed: Hypothetical, places: Collection[tuple[str, str]]) -> Hypothetical:
    snapshot = supposed.snapshot
    now, settings = snapshot.now, snapshot.settings
    failed = HealthState(
        verdict=Verdict.DOWN,
        since=now,
        failures=settings.health.down_after,
        first_failure_at=now,
        last_result_at=now,
        last_failure=PREVIEW_REASON,
    )
    concerned = [
        endpoint_id
        for endpoint_id, endpoint in settings.endpoints()
        if endpoint.required and (endpoint_id.service, endpoint_id.region) in places
    ]
    health: dict[str, Mapping[EndpointId, HealthState]] = {
        vantage: {
            **_refreshed(snapshot, snapshot.health.get(vantage, {})),
            **dict.fromkeys(concerned, failed),
        }
        for vantage in settings.vantage.all
    }
    known_good = {
        url: state._replace(last_result_at=now) for url, state in snapshot.known_good.items()
    }
    agreeing = Opinion(Verdict.DOWN, now, PREVIEW_REASON)
    opinions = {
        position: agreeing if (position.service, position.region) in places else opinion
        for position, opinion in snapshot.opinions.items()
    }
    changed = replace(snapshot, health=health, known_good=known_good, opinions=opinions)
    return Hypothetical(changed, supposed.down | frozenset(places))


def _refreshed(
    snapshot: Snapshot, states: Mapping[EndpointId, HealthState]
) -> dict[EndpointId, HealthState]:
    """The states after one more result that changes nothing; stale ones stay stale."""
    fresh_for_s = snapshot.settings.probing.fresh_for_s
    return {
        endpoint: state._replace(last_result_at=snapshot.now)
        if is_fresh(state, snapshot.now, fresh_for_s)
        else state
        for endpoint, state in states.items()
    }


def _ordered(snapshot: Snapshot, kind: OverrideKind, place: str) -> Snapshot:
    """With one more active order, for `[SERVICE/[POOL/]]REGION`."""
    *outer, region = place.split("/")
    if len(outer) > 2 or not all(outer):
        raise _wrong(f"{place!r} is no [SERVICE/[POOL/]]REGION")
    service, pool = (*outer, None, None)[:2]
    found = _places(snapshot.settings, f"{service}/{region}" if service else region)
    if pool is not None:
        pools = snapshot.settings.services[found[0][0]].pools
        _check_name("pool", pool, tuple(pools))
        _check_name("region", region, pools[pool].regions)
    order = Override(
        id=max((override.id for override in snapshot.overrides), default=0) + 1,
        kind=kind,
        region=region,
        service=service,
        author=PREVIEW_AUTHOR,
        reason=PREVIEW_REASON,
        created_at=_NEVER,
        expires_at=_NEVER,
        pool=pool,
    )
    others = tuple(known for known in snapshot.overrides if known.target != order.target)
    return replace(snapshot, overrides=(*others, order))


def _demand(snapshot: Snapshot, place: str, factor: float) -> Snapshot:
    """With the demand of the pools of that name times `factor`, measured figures included."""
    services = snapshot.settings.services
    service_name, _, pool_name = place.rpartition("/")
    if service_name:
        _check_name("service", service_name, tuple(services))
    pools = {
        (service, pool)
        for service, configured in services.items()
        for pool in configured.pools
        if service_name in ("", service) and pool_name in ("", pool)
    }
    if not pools:
        within = [services[service_name]] if service_name else services.values()
        _check_name(
            "pool", pool_name, tuple(sorted({pool for one in within for pool in one.pools}))
        )

    def change(name: str, service: Service) -> Service:
        def scaled(pool_name: str, pool: Pool) -> Pool:
            if (name, pool_name) not in pools:
                return pool
            return pool.model_copy(update={"demand_rps": pool.demand_rps * factor})

        changed = {pool_name: scaled(pool_name, pool) for pool_name, pool in service.pools.items()}
        return service.model_copy(update={"pools": changed})

    measured = {
        pool: replace(figure, value=figure.value * factor) if pool in pools else figure
        for pool, figure in snapshot.figures.demand_rps.items()
    }
    figures = replace(snapshot.figures, demand_rps=measured)
    return replace(snapshot, settings=_changed(snapshot.settings, change), figures=figures)


def _capacity(snapshot: Snapshot, place: str, factor: float) -> Snapshot:
    """With the capacity of a region times `factor`."""
    places = _places(snapshot.settings, place)
    if factor <= 0:
        raise _wrong("a region without any capacity is down: say so", (f"{place} down",))

    def change(name: str, service: Service) -> Service:
        def scaled(region_name: str, region: ServiceRegion) -> ServiceRegion:
            if (name, region_name) not in places:
                return region
            if region.capacity_rps is None:
                raise _wrong(
                    f"nobody knows the capacity of {name}/{region_name}: it is not configured"
                )
            return region.model_copy(update={"capacity_rps": region.capacity_rps * factor})

        changed = {r: scaled(r, region) for r, region in service.regions.items()}
        return service.model_copy(update={"regions": changed})

    return replace(snapshot, settings=_changed(snapshot.settings, change))


def _changed(settings: Settings, change: Callable[[str, Service], Service]) -> Settings:
    services = {name: change(name, service) for name, service in settings.services.items()}
    return settings.model_copy(update={"services": services})


def _places(settings: Settings, place: str) -> list[tuple[str, str]]:
    """Pairs of service and region that `[SERVICE/]REGION` names; never empty."""
    service, _, region = place.rpartition("/")
    if service:
        _check_name("service", service, tuple(settings.services))
    within = {service: settings.services[service]} if service else settings.services
    _check_name(
        "region", region, tuple(sorted({r for one in within.values() for r in one.regions}))
    )
    return [(name, region) for name, one in within.items() if region in one.regions]


def _check_name(kind: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise _wrong(f"no {kind} is named {name!r}", names)


def _wrong(message: str, valid: tuple[str, ...] = ()) -> InvalidRequestError:
    return InvalidRequestError(message, field="", valid=valid)
