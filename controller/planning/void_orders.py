"""Void orders: active orders for a service, pool or region that the settings do not have.

A reload, or a restart with other settings, may remove it while the order is active. The order is
valid again under settings that have it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.model.configuration import Settings
from controller.model.overrides import Override


def void_reason(override: Override, settings: Settings) -> str | None:
    """Why the order is void, such as `no region eu-west-1 is configured`; None: it is not."""
    service, pool, region = override.service, override.pool, override.region
    if service is None:
        is_known = any(region in known.regions for known in settings.services.values())
        return None if region is None or is_known else f"no region {region} is configured"
    known = settings.services.get(service)
    if known is None:
        return f"no service {service} is configured"
    if pool is not None and pool not in known.pools:
        return f"no pool {pool} of service {service} is configured"
    regions = known.regions if pool is None else known.pools[pool].regions
    where = f"service {service}" if pool is None else f"pool {pool} of service {service}"
    if region is None or region in regions:
        return None
    return f"no region {region} of {where} is configured"


def void_orders(overrides: Iterable[Override], settings: Settings) -> Mapping[int, str]:
    """Id of each order that is void under these settings to the reason."""
    reasons = {override.id: void_reason(override, settings) for override in overrides}
    return {override_id: why for override_id, why in reasons.items() if why is not None}
