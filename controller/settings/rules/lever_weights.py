"""Rules about weights: those that settings state for parts of positions, and what 0 to 255 can say.

Amazon: a weight is a whole number from 0 to 255, of records (API Reference, *ResourceRecordSet*) as
of endpoints (*EndpointConfiguration*).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from controller.model.configuration import AcceleratorLever, Route53Lever, Service
from controller.model.levers import LeverState
from controller.planning.levers.weights import weights_for_shares
from controller.planning.shares import SHARE_TOLERANCE, normalised, percent
from controller.settings.file_positions import RuleFinding
from controller.settings.rules.sound_parts import ServiceParts
from controller.settings.validation_messages import suggestion

_TWINS = ("A", "AAAA")


def stated_weights_fit(service: ServiceParts) -> Iterator[RuleFinding]:
    """`weights` name pools and regions of the service, and leave some part of each open."""
    if service.levers is None:
        return
    if service.levers.accelerator is not None:
        yield from _accelerator_weights(service, service.levers.accelerator)
    if service.levers.route53 is not None:
        yield from _record_weights(service, service.levers.route53)


def shares_fit_weights(service: Service) -> Iterator[RuleFinding]:
    """Pools without latencies whose configured shares weights cannot express within half a point.

    With all regions, and after the loss of each.
    """
    if service.levers.route53 is None:
        return
    for name, pool in service.pools.items():
        shares = {region: service.regions[region].share for region in pool.regions}
        worst = max(_misfits(shares), key=lambda misfit: misfit[0], default=None)
        if not pool.latency_ms and worst is not None:
            _, region, wanted, written = worst
            message = (
                f"weights of 0 to 255 cannot express the shares of pool {name}: {region} would get "
                f"{percent(written)} instead of {percent(wanted)}"
            )
            hint = "give its smallest region at least a 255th of the largest one's share"
            yield RuleFinding(("pools", name, "regions"), message, hint, at_key=True)


def _misfits(shares: Mapping[str, float]) -> Iterator[tuple[float, str, float, float]]:
    """Error, region, wanted and written share, of errors above half a point."""
    for lost in (None, *shares):
        wanted = normalised({r: share for r, share in shares.items() if r != lost and share > 0})
        if not wanted:
            continue
        weights = weights_for_shares(dict.fromkeys(wanted, LeverState(0)), wanted)
        written = normalised(weights)
        for region, share in wanted.items():
            error = abs(written[region] - share)
            if error >= SHARE_TOLERANCE:
                yield error, region, share, written[region]


def _accelerator_weights(service: ServiceParts, lever: AcceleratorLever) -> Iterator[RuleFinding]:
    pool = service.pools.get(lever.pool)
    for region, weights in lever.weights.items():
        path = ("levers", "accelerator", "weights", region)
        if pool is not None and region not in pool.regions:
            message = f"{region} is not in pool {lever.pool}"
            yield RuleFinding(path, message, suggestion(region, pool.regions), at_key=True)
        elif not any(weights.values()):
            message = f"no endpoint of {region} has a weight above 0; the region could never serve"
            yield RuleFinding(path, message, at_key=True)


def _record_weights(service: ServiceParts, lever: Route53Lever) -> Iterator[RuleFinding]:
    for name, regions in lever.weights.items():
        path = ("levers", "route53", "weights", name)
        if name not in service.pools:
            message = f"{name} is not a pool of this service"
            yield RuleFinding(path, message, suggestion(name, service.pools), at_key=True)
            continue
        pool = service.pools[name]
        for region, weights in regions.items():
            if pool is not None and region not in pool.regions:
                message = f"{region} is not in pool {name}"
                hint = suggestion(region, pool.regions)
                yield RuleFinding((*path, region), message, hint, at_key=True)
            elif missing := _missing(weights):
                message = f"the ratio of {region} lacks {missing}; it takes A and AAAA"
                yield RuleFinding((*path, region), message, at_key=True)


def _missing(types: Iterable[str]) -> str:
    return ", ".join(type_ for type_ in _TWINS if type_ not in types)
