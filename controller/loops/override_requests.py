"""An operator's request: whether the settings allow it, and which overrides it would lead to.

A refusal names what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from controller.model.configuration import Settings
from controller.model.decision import GUARD_HOLDS
from controller.model.errors import InvalidRequestError
from controller.model.overrides import Override, OverrideKind, OverrideRequest


def check(request: OverrideRequest, settings: Settings) -> None:
    """Raise InvalidRequestError for a request that the settings do not allow."""
    _check_place(request, settings)
    _check_share(request)
    check_ttl(request.ttl_s, settings)
    check_text("reason", request.reason)
    check_text("author", request.author)
    guards = tuple(hold.value for hold in GUARD_HOLDS)
    for name in request.ignore_guards:
        if name not in guards:
            raise InvalidRequestError(
                f"no guard is named {name!r}", field="ignore_guards", valid=guards
            )


def check_ttl(ttl_s: float, settings: Settings) -> None:
    """Raise InvalidRequestError unless `min_ttl_s <= ttl_s <= max_ttl_s`."""
    limits = settings.overrides
    if not limits.min_ttl_s <= ttl_s <= limits.max_ttl_s:
        allowed = f"{limits.min_ttl_s:.15g} to {limits.max_ttl_s:.15g} s"
        detail = f"ttl_s is {ttl_s:.15g}; allowed are {allowed}"
        raise InvalidRequestError(detail, field="ttl_s")


def _check_share(request: OverrideRequest) -> None:
    share = request.share
    if request.kind is not OverrideKind.PIN:
        if share is not None:
            raise InvalidRequestError(f"a {request.kind.value} has no share", field="share")
    elif share is None:
        raise InvalidRequestError("a pin needs its share", field="share")
    elif share == 0:
        detail = "share is 0, which takes the region out: drain it instead"
        raise InvalidRequestError(detail, field="share")
    elif not 0 < share <= 1:
        allowed = "a part above 0 up to 1, such as 0.3 for 30 %"
        raise InvalidRequestError(f"share is {share:g}; allowed is {allowed}", field="share")


def check_text(field: str, text: str) -> None:
    """Raise InvalidRequestError for an empty text."""
    if not text.strip():
        raise InvalidRequestError(f"an override needs its {field}", field=field)


def _check_place(request: OverrideRequest, settings: Settings) -> None:
    services = settings.services
    if request.service is not None and request.service not in services:
        raise InvalidRequestError(
            f"no service is named {request.service!r}", field="service", valid=tuple(services)
        )
    _check_pool(request, settings)
    if request.kind is OverrideKind.FREEZE:
        if request.region is not None:
            raise InvalidRequestError("a freeze has no region", field="region")
        return
    concerned = [services[request.service]] if request.service else list(services.values())
    regions = tuple(sorted({region for service in concerned for region in service.regions}))
    where = f" of service {request.service}" if request.service else ""
    if request.pool is not None:
        (service,) = concerned
        regions, where = service.pools[request.pool].regions, f" of pool {request.pool}"
    if request.region is None:
        raise InvalidRequestError(
            f"a {request.kind.value} needs its region", field="region", valid=regions
        )
    if request.region not in regions:
        raise InvalidRequestError(
            f"no region{where} is named {request.region!r}", field="region", valid=regions
        )


def _check_pool(request: OverrideRequest, settings: Settings) -> None:
    if request.pool is None:
        return
    if request.service is None:
        raise InvalidRequestError(
            "a pool is one service's: name the service, too",
            field="service",
            valid=tuple(settings.services),
        )
    pools = settings.services[request.service].pools
    if request.pool not in pools:
        raise InvalidRequestError(
            f"no pool of service {request.service} is named {request.pool!r}",
            field="pool",
            valid=tuple(pools),
        )


def supposed_overrides(
    active: Iterable[Override], requests: Sequence[OverrideRequest], now: datetime
) -> tuple[Override, ...]:
    """The overrides that would be active if these requests were carried out, the newest last.

    A request replaces the active override of its place. `now`: wall-clock time.
    """
    replaced = {request.target for request in requests}
    present = tuple(active)
    newest_id = max((override.id for override in present), default=0)
    kept = (override for override in present if override.target not in replaced)
    added = (_supposed(id_, request, now) for id_, request in enumerate(requests, newest_id + 1))
    return (*kept, *added)


def _supposed(id_: int, request: OverrideRequest, now: datetime) -> Override:
    """The override that a request would become.

    Its id must be the largest: between overrides of the same rank the planner obeys the newest.
    """
    return Override(
        id=id_,
        kind=request.kind,
        region=request.region,
        service=request.service,
        pool=request.pool,
        share=request.share,
        author=request.author,
        reason=request.reason,
        created_at=now,
        expires_at=now + timedelta(seconds=request.ttl_s),
        ignore_guards=request.ignore_guards,
    )
