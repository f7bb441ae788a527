"""`/v1/services`: what is configured for each service, with what is believed of its endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from controller.api.context import CONTEXT, Context
from controller.api.parameters import not_found, parameters
from controller.api.plain import answer
from controller.api.status_view import health_of
from controller.model.configuration import Endpoint, EndpointId, Region, Service
from controller.model.health import HealthState


async def _list(request: web.Request) -> web.Response:
    parameters(request)
    context = request.app[CONTEXT]
    return answer({"items": [_service(context, name) for name in context.settings.services]})


async def _one(request: web.Request) -> web.Response:
    parameters(request)
    context = request.app[CONTEXT]
    name = request.match_info["name"]
    if name not in context.settings.services:
        raise not_found("service", name, list(context.settings.services))
    return answer(_service(context, name))


def _service(context: Context, name: str) -> dict[str, object]:
    service = context.settings.services[name]
    states = context.probing.health
    return {
        "name": name,
        "lever": _lever(service),
        "regions": {
            region_name: _region(context, states, name, region_name, region)
            for region_name, region in service.regions.items()
        },
        "pools": service.pools,
    }


def _lever(service: Service) -> dict[str, object]:
    lever = service.levers.route53 or service.levers.accelerator
    assert lever is not None, "the settings' rules ask for exactly one"
    kind = "route53" if service.levers.route53 else "accelerator"
    return {"kind": kind, **lever.model_dump(mode="json")}


def _region(
    context: Context,
    states: Mapping[EndpointId, HealthState],
    service: str,
    name: str,
    region: Region,
) -> dict[str, object]:
    seen = health_of(context.reconciliation.latest, service, name)
    now = context.clock.monotonic()
    return {
        "jurisdiction": region.jurisdiction,
        "capacity_rps": region.capacity_rps,
        "share": region.share,
        "verdict": seen.verdict,
        "why": seen.why,
        "endpoints": {
            endpoint_name: _endpoint(
                endpoint, states[EndpointId(service, name, endpoint_name)], now
            )
            for endpoint_name, endpoint in region.endpoints.items()
        },
    }


def _endpoint(endpoint: Endpoint, state: HealthState, now: float) -> dict[str, object]:
    """What this vantage point believes; `age_s` is null before the first result."""
    asked = state.last_result_at
    return {
        "probe": endpoint.probe,
        "required": endpoint.required,
        "verdict": state.verdict,
        "failures": state.failures,
        "successes": state.successes,
        "last_failure": state.last_failure,
        "latency_s": state.latency_s,
        "age_s": None if asked is None else round(now - asked, 3),
    }


ROUTES = (
    web.get("/v1/services", _list),
    web.get("/v1/services/{name}", _one),
)
