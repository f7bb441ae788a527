"""What stands at AWS: the settings of all levers, read from the emulator's stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from controller.model.configuration import AcceleratorLever, Pool, Route53Lever, Settings
from controller.sandbox.emulator.route53.records import RecordSet
from controller.sandbox.emulator.stores import Stores

PoolKey = tuple[str, str]
"""Service and pool."""
Pair = tuple[float | None, int | None]
"""Weights of the A and the AAAA record, or dial and endpoint weight."""
Standing = Mapping[PoolKey, Mapping[str, Pair]]
"""Pool to region to how its lever stands."""
Structure = Mapping[str, frozenset[RecordSet]]


def is_open(pair: Pair) -> bool:
    """Whether both halves let users in."""
    return bool(pair[0]) and bool(pair[1])


class Levers:
    """Reads the levers of these settings, as the API would list them."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self._settings = settings
        self._stores = stores
        self.dialled = {
            (name, pool)
            for name, service in settings.services.items()
            for pool in service.pools
            if service.levers.accelerator is not None
        }
        """Pools behind an accelerator."""

    def read(self) -> Standing:
        """Every position's two halves."""
        found: dict[PoolKey, Mapping[str, Pair]] = {}
        for name, service in self._settings.services.items():
            for pool_name, pool in service.pools.items():
                if service.levers.route53 is not None:
                    pairs = self._weights(service.levers.route53, pool_name, pool)
                elif service.levers.accelerator is not None:
                    pairs = self._dials(service.levers.accelerator)
                found[name, pool_name] = pairs
        return found

    def structure(self) -> Structure:
        """Zone to its records, weights left out."""
        return {
            zone_id: frozenset(replace(one, weight=None) for group in groups for one in group)
            for zone_id, records in self._stores.zones.listed_zones().items()
            for groups in [records.groups.values()]
        }

    def shares(self, pool: PoolKey, pairs: Mapping[str, Pair]) -> Mapping[str, float]:
        """Region to its part of a pool: `weight / sum(weights)`, or `dial / 100` where it has any.

        0 <= share <= 1; weights add up to 1, dials need not.
        """
        if pool in self.dialled:
            return {r: (dial or 0) / 100 if weight else 0.0 for r, (dial, weight) in pairs.items()}
        total = sum(weight or 0 for weight, _ in pairs.values()) or 1
        return {region: (weight or 0) / total for region, (weight, _) in pairs.items()}

    def _weights(self, lever: Route53Lever, name: str, pool: Pool) -> Mapping[str, Pair]:
        groups = self._stores.zones.listed_zones()[lever.hosted_zone_id].groups
        a, aaaa = (
            {
                one.set_identifier: one.weight
                for one in groups.get((lever.leaf_name(name), kind), ())
            }
            for kind in ("A", "AAAA")
        )
        return {region: (a.get(region), aaaa.get(region)) for region in pool.regions}

    def _dials(self, lever: AcceleratorLever) -> Mapping[str, Pair]:
        listeners = self._stores.accelerators.accelerator(lever.arn).listeners
        return {
            group.region: (group.dial, group.endpoints[0].weight) for group in listeners[0].groups
        }
