"""`/v1/services`: the configuration of each service with the health of its endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import SERVICE
from controller.api.http.response_bodies import Page, View
from controller.api.http.responses import Slices, sliced_json_response
from controller.api.http.route import Route, RouteCall, RouteResponse
from controller.api.views.pool_status import region_health
from controller.model.configuration import (
    AcceleratorLever,
    Endpoint,
    EndpointId,
    Pool,
    Route53Lever,
    Service,
    Settings,
)
from controller.model.health import HealthState, Verdict

_REGIONS = 2
"""Where regions are in a service: below their list."""


class Route53View(Route53Lever):
    """Weighted records of one hosted zone."""

    kind: Literal["route53"] = "route53"


class AcceleratorView(AcceleratorLever):
    """The endpoint groups of one Global Accelerator."""

    kind: Literal["accelerator"] = "accelerator"


class AddressView(View):
    """What is believed of one address of an endpoint's name."""

    address: str
    verdict: Verdict
    failures: int
    """Failures not cleared yet."""
    last_failure: str
    latency_s: float
    """Of the last success."""
    age_s: float | None
    """Seconds since the last result; null before the first one."""
    could_not_run: str | None
    """Why its last probe could not be run; null: it could."""


class EndpointView(View):
    """What this vantage point believes of one endpoint."""

    probe: str
    required: bool
    """Whether the region is down when it is."""
    verdict: Verdict
    failures: int
    """Failures not cleared yet."""
    successes: int
    """Successes in a row."""
    last_failure: str
    latency_s: float
    """Of the last success."""
    age_s: float | None
    """Seconds since the last result; null before the first one."""
    certificate_days_left: float | None
    """Days until the certificate it last showed ends; null where none was verified."""
    address: str
    """The address that was asked last, as its name was resolved; empty before the first probe."""
    could_not_run: str | None
    """Why its last probe could not be run; null: it could, or one of its addresses could."""
    addresses: tuple[AddressView, ...]
    """Each address that is probed, of a name that has several; empty: there is one."""


class RegionView(View):
    """One region: what is configured, and what is believed of it."""

    jurisdiction: str
    place: str | None
    """Where it is, for people; null: the settings do not say."""
    egress_usd_per_gb: float
    """Price of traffic to the Internet."""
    capacity_rps: float | None
    """Null: unknown."""
    share: float
    """Its part of each pool's traffic when all is well, relative to the other regions'."""
    verdict: Verdict
    why: str
    endpoints: Mapping[str, EndpointView]


class ServiceView(View):
    """One service: what is configured, and what is believed of its endpoints."""

    name: str
    lever: Route53View | AcceleratorView
    regions: Mapping[str, RegionView]
    pools: Mapping[str, Pool]


async def _list(call: RouteCall) -> web.Response:
    settings, slices = call.dependencies.settings, Slices()
    views = [
        await _service_view(call.dependencies, settings, name, slices) for name in settings.services
    ]
    page = Page[ServiceView](items=tuple(views))
    return await sliced_json_response(page, slices, depth=_REGIONS + 2)


async def _one(call: RouteCall) -> web.Response:
    settings, slices = call.dependencies.settings, Slices()
    view = await _service_view(call.dependencies, settings, call[SERVICE], slices)
    return await sliced_json_response(view, slices, depth=_REGIONS)


async def _service_view(
    dependencies: ApiDependencies, settings: Settings, name: str, slices: Slices
) -> ServiceView:
    """A service of these settings, which a reload may replace between two slices."""
    service, regions = settings.services[name], {}
    for region in service.regions:
        regions[region] = _region_view(dependencies, settings, name, region)
        await slices.pause()
    return ServiceView(name=name, lever=_lever_view(service), regions=regions, pools=service.pools)


def _lever_view(service: Service) -> Route53View | AcceleratorView:
    levers = service.levers
    if levers.route53 is not None:
        return Route53View(**levers.route53.model_dump())
    assert levers.accelerator is not None, "the settings' rules ask for exactly one"
    return AcceleratorView(**levers.accelerator.model_dump())


def _region_view(
    dependencies: ApiDependencies, settings: Settings, service: str, name: str
) -> RegionView:
    region = settings.services[service].regions[name]
    health = region_health(dependencies.reconciliation.latest, service, name)
    states = dependencies.probing.health
    catalogue_entry = settings.regions[name]
    return RegionView(
        jurisdiction=catalogue_entry.jurisdiction,
        place=catalogue_entry.place,
        egress_usd_per_gb=catalogue_entry.egress_usd_per_gb,
        capacity_rps=region.capacity_rps,
        share=region.share,
        verdict=health.verdict,
        why=health.why,
        endpoints={
            endpoint_name: _endpoint_view(
                dependencies,
                endpoint,
                states.get(EndpointId(service, name, endpoint_name), HealthState()),
                dependencies.probing.addresses(EndpointId(service, name, endpoint_name)),
            )
            for endpoint_name, endpoint in region.endpoints.items()
        },
    )


def _endpoint_view(
    dependencies: ApiDependencies,
    endpoint: Endpoint,
    state: HealthState,
    addresses: Mapping[str, HealthState],
) -> EndpointView:
    return EndpointView(
        probe=endpoint.probe,
        required=endpoint.required,
        verdict=state.verdict,
        failures=state.failures,
        successes=state.successes,
        last_failure=state.last_failure,
        latency_s=state.latency_s,
        age_s=_age_s(dependencies, state),
        certificate_days_left=_certificate_days_left(state, dependencies.clock.wall()),
        address=state.address,
        could_not_run=state.not_run or None,
        addresses=tuple(
            _address_view(dependencies, address, of_address)
            for address, of_address in addresses.items()
            if state.addresses is not None
        ),
    )


def _address_view(dependencies: ApiDependencies, address: str, state: HealthState) -> AddressView:
    return AddressView(
        address=address,
        verdict=state.verdict,
        failures=state.failures,
        last_failure=state.last_failure,
        latency_s=state.latency_s,
        age_s=_age_s(dependencies, state),
        could_not_run=state.not_run or None,
    )


def _age_s(dependencies: ApiDependencies, state: HealthState) -> float | None:
    last_at = state.last_result_at
    return None if last_at is None else round(dependencies.clock.monotonic() - last_at, 3)


def _certificate_days_left(state: HealthState, now: datetime) -> float | None:
    ends_at = state.certificate_ends_at
    return None if ends_at is None else round((ends_at - now).total_seconds() / 86_400, 2)


ROUTES = (
    Route(
        "GET",
        "/v1/services",
        _list,
        summary="Services as configured",
        description="With what this vantage point believes of their endpoints.",
        responses={200: RouteResponse("Every service.", Page[ServiceView])},
    ),
    Route(
        "GET",
        "/v1/services/{name}",
        _one,
        summary="One service as configured",
        parameters=(SERVICE,),
        responses={200: RouteResponse("The service.", ServiceView)},
        problems=(404,),
    ),
)
