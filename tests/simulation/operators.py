"""Operators: they give and withdraw orders at random, and edit records manually."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from controller.composition import Controller
from controller.model.configuration import Settings
from controller.model.errors import InvalidRequestError, StateUnavailableError
from controller.model.overrides import OverrideKind, OverrideRequest
from controller.sandbox.emulator.route53.records import record_to_result
from tests.simulation.aws import SimulatedAws
from tests.simulation.daemon import SimulatedDaemon
from tests.simulation.journal import Journal, Violation
from tests.simulation.levers import PoolKey
from tests.simulation.loop import SimulatedLoop, process_context
from tests.simulation.regions import LONG_AGO

AFTERMATH_S = 150.0
"""So long after an order began, ended or failed its traces may still be seen."""
_FREEZE_S = 60.0
_ORDERS_S = (60.0, 120.0, 600.0)
_KINDS = (*(OverrideKind(name) for name in ("drain", "failover", "pin", "freeze")), None, None)
"""What a person does; None: withdraw an order."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was acknowledged."""

    kind: OverrideKind
    region: str | None
    acknowledged_at: float
    ends_at: float
    boot: int
    """The life of the daemon that acknowledged it."""


class Operators:
    """What they ordered, as they know it, and what they changed past the daemon."""

    def __init__(
        self,
        loop: SimulatedLoop,
        settings: Settings,
        aws: SimulatedAws,
        daemon: SimulatedDaemon,
        journal: Journal,
        rng: Random,
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._aws = aws
        self._daemon = daemon
        self._journal = journal
        self._rng = rng
        self.orders: dict[int, Order] = {}
        """By id: acknowledged, not withdrawn, not at their end."""
        self._touched: defaultdict[str | None, float] = defaultdict(lambda: LONG_AGO)
        """Region, None: a freeze, to when an order for it was last given or ended."""
        self.hand_at: defaultdict[PoolKey, float] = defaultdict(lambda: LONG_AGO)
        """Pool to when one of its records was last edited manually."""

    def act(self) -> None:
        """Give or withdraw an order."""
        controller = self._daemon.controller
        if controller is None or self._daemon.is_frozen:
            return
        kind = self._rng.choice(_KINDS)
        if kind is not None:
            self._ask(self._give(controller, self._request(kind)))
        elif self.orders:
            self._ask(self._withdraw(controller, self._rng.choice(sorted(self.orders))))

    def change_by_hand(self) -> None:
        """Set the weight of one A record, its AAAA twin being forgotten, as people do."""
        name, service = next(
            (name, one) for name, one in self._settings.services.items() if one.levers.route53
        )
        lever = service.levers.route53
        assert lever is not None
        pool = self._rng.choice(sorted(service.pools))
        zone = self._aws.stores.zones.listed_zones()[lever.hosted_zone_id]
        group = zone.groups[lever.leaf_name(pool), "A"]
        record = self._rng.choice(sorted(group, key=lambda one: str(one.set_identifier)))
        changed = {**record_to_result(record), "Weight": self._rng.choice([1, 64, 200])}
        change = {"Action": "UPSERT", "ResourceRecordSet": changed}
        self._aws.stores.zones.operations["ChangeResourceRecordSets"](
            {"HostedZoneId": lever.hosted_zone_id, "ChangeBatch": {"Changes": [change]}}
        )
        self.hand_at[name, pool] = self._loop.time()
        self._aws.look()

    def expire(self) -> None:
        """Forget orders that are at their end."""
        for override_id, order in list(self.orders.items()):
            if order.ends_at <= self._loop.time() + 1:
                self._end(override_id)

    def any_order(self) -> bool:
        """Whether any order is in effect or may still be seen."""
        return bool(self.orders) or any(map(self._is_recent, self._touched.values()))

    def may_be_ordered(self, region: str) -> bool:
        """Whether an order for the region is in effect or may still be seen."""
        return self._is_recent(self._touched[region]) or any(
            order.region == region for order in self.orders.values()
        )

    def is_frozen(self) -> bool:
        """Whether a freeze is certainly in effect: acknowledged 15 s ago or earlier."""
        now = self._loop.time()
        return any(
            order.kind is OverrideKind.FREEZE and order.acknowledged_at < now - 15 < order.ends_at
            for order in self.orders.values()
            if order.ends_at > now
        )

    def _is_recent(self, at: float) -> bool:
        return self._loop.time() - at < AFTERMATH_S

    def _request(self, kind: OverrideKind) -> OverrideRequest:
        if kind is OverrideKind.FREEZE:
            return OverrideRequest(kind, "ann", "simulated", _FREEZE_S)
        region = self._rng.choice(sorted(set(self._aws_regions())))
        ttl_s = self._rng.choice(_ORDERS_S)
        share = 0.3 if kind is OverrideKind.PIN else None
        return OverrideRequest(kind, "ann", "simulated", ttl_s, region, share=share)

    def _aws_regions(self) -> list[str]:
        return [region for one in self._settings.services.values() for region in one.regions]

    def _ask(self, request: Coroutine[Any, Any, None]) -> None:
        """A request that the daemon handles: it ends with it."""
        assert self._daemon.pid is not None
        task = self._loop.create_task(request, context=process_context(self._daemon.pid))
        task.add_done_callback(self._handled)

    def _handled(self, task: Any) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._journal.fail(Violation(f"X1 an order ended in {error!r}"))

    async def _give(self, controller: Controller, request: OverrideRequest) -> None:
        asked_at = self._loop.time()
        self._touched[request.region] = asked_at
        try:
            override = await controller.overrides.add(request)
        except (InvalidRequestError, StateUnavailableError) as error:
            self._journal.note("refused order", error)
            return
        for known, order in list(self.orders.items()):
            if (order.kind, order.region) == (request.kind, request.region):
                del self.orders[known]
        self.orders[override.id] = Order(
            request.kind,
            request.region,
            self._loop.time(),
            asked_at + request.ttl_s,
            self._daemon.boots,
        )
        self._journal.note("acknowledged", override.id, request.kind.value, request.region)

    async def _withdraw(self, controller: Controller, override_id: int) -> None:
        self._end(override_id)
        with suppress(InvalidRequestError, StateUnavailableError):
            await controller.overrides.withdraw(override_id, "ann")
            self._journal.note("withdrawn", override_id)

    def _end(self, override_id: int) -> None:
        order = self.orders.pop(override_id, None)
        if order is not None:
            self._touched[order.region] = self._loop.time()
