"""Orders that order nothing: the settings do not name what they speak of.

That happens when a reload, or a restart with other settings, takes a service, a pool or a region
away while an order for it is in force. Settings that name it again revive the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.model.configuration import Settings
from controller.model.overrides import Override


def void_reason(override: Override, settings: Settings) -> str | None:
    """What the settings do not name, such as `no region eu-west-1 is configured`; None: all."""
    service, pool, region = override.service, override.pool, override.region
    if service is None:
        named = any(region in one.regions for one in settings.services.values())
        return None if region is None or named else f"no region {region} is configured"
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
    """Ids of the orders that are void under these settings, and why."""
    found = {override.id: void_reason(override, settings) for override in overrides}
    return {override_id: why for override_id, why in found.items() if why is not None}
