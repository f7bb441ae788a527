"""The emulated AWS without sockets: the adapters call its operations in virtual time.

A request belongs to no process: it outlives its sender, may land late, and its answer may be lost.
What arrives is carried out at once and whole, by the emulator's own operations.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import ClientError

from controller.adapters.aws.session import AwsClients
from controller.model.configuration import Settings
from controller.sandbox.emulator.http.wire_messages import AwsError
from controller.sandbox.emulator.stores import Stores
from tests.simulation.clock import EPOCH
from tests.simulation.levers import Levers, Standing
from tests.simulation.loop import PROCESS, SimulatedLoop

WRITES = {"ChangeResourceRecordSets", "UpdateEndpointGroup"}
SERVICES = ("route53", "globalaccelerator")
_SPREAD_AFTER_S = 2.0
_LATE_S = (5.0, 60.0)
_SMALL_PAGE = "5"


class HostedZoneAlreadyExists(ClientError):  # noqa: N818  # botocore's name
    """As botocore makes one for each code."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an API on its way."""

    service: str
    operation: str
    params: dict[str, Any]
    is_write: bool
    is_late: bool
    sent_on: Standing
    """How the levers stood when it was sent."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a write did when it reached AWS."""

    call: Call
    before: Standing
    after: Standing
    error: ClientError | None


class Troubles:
    """What goes wrong with calls; a fault sets it and takes it back."""

    def __init__(self) -> None:
        self.failing: dict[str, float] = {}
        """Service to the part of its calls that are throttled or fail with 500."""
        self.hanging: set[str] = set()
        self.late = 0.0
        """The part of all writes that land 5 to 60 s later."""
        self.lost = 0.0
        """The part of all writes whose answer never comes."""
        self.slowest_s = 0.0
        """Calls take up to so long, within their deadline; 0: they are quick."""
        self.breaks_pages = False
        """Listings come in small pages, and fail after the first one."""

    def end(self) -> None:
        """Everything is well again."""
        self.failing.clear()
        self.hanging.clear()
        self.late = self.lost = self.slowest_s = 0.0
        self.breaks_pages = False


class SimulatedAws:
    """Stores, the way to them, and what happens on it."""

    def __init__(
        self,
        loop: SimulatedLoop,
        settings: Settings,
        rng: Random,
        arrived: Callable[[Arrival], None],
    ) -> None:
        """`arrived` is called for every write of a daemon that was carried out or refused."""
        self._loop = loop
        self._rng = rng
        self._arrived = arrived
        self.stores = Stores(
            lambda: EPOCH.timestamp() + loop.time(), _SPREAD_AFTER_S, _SPREAD_AFTER_S
        )
        self._services = self.stores.services()
        self.levers = Levers(settings, self.stores)
        self.troubles = Troubles()
        self.standing: Standing = {}
        """The present lever states; a caller that changes them without a call must read anew."""
        self.calls = 0
        self.answered: dict[str, float] = {}
        """Ids of applied changes whose answer arrived, with its time."""

    def clients(self) -> AwsClients:
        """What the adapters take for clients of the SDK."""
        route53, accelerator = (cast(Any, SimulatedClient(self, name)) for name in SERVICES)
        return AwsClients(route53, accelerator)

    def look(self) -> None:
        """Take up how the levers stand now."""
        self.standing = self.levers.read()

    async def call(self, service: str, operation: str, params: dict[str, Any]) -> Any:
        """Send a request and wait for the answer: for ever if it hangs or gets lost."""
        self.calls += 1
        is_write = operation in WRITES and PROCESS.get() is not None
        is_late = is_write and self._rng.random() < self.troubles.late
        call = Call(service, operation, params, is_write, is_late, self.standing)
        travels_s = self._travel_s(is_late)
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._loop.later(travels_s, self._arrive, call, answer)
        return await answer

    def _travel_s(self, is_late: bool) -> float:
        if is_late:
            return self._rng.uniform(*_LATE_S)
        return 0.01 + max(0.04, self.troubles.slowest_s) * self._rng.random()

    def _arrive(self, call: Call, answer: asyncio.Future[Any]) -> None:
        if call.service in self.troubles.hanging:
            return
        before = self.standing
        outcome = self._trouble(call) or self._carry_out(call)
        error = outcome if isinstance(outcome, ClientError) else None
        if call.is_write:
            self.look()
            self._arrived(Arrival(call, before, self.standing, error))
            if self._rng.random() < self.troubles.lost:
                return
            self._remember(call, outcome)
        self._loop.later(0.01, _answer, answer, outcome)

    def _trouble(self, call: Call) -> ClientError | None:
        if self.troubles.breaks_pages and {"StartRecordName", "NextToken"} & call.params.keys():
            return _error("InternalServerError", 500, "as planned", call.operation)
        if self._rng.random() >= self.troubles.failing.get(call.service, 0.0):
            return None
        code, status = self._rng.choice((("Throttling", 400), ("InternalServerError", 500)))
        return _error(code, status, "as planned", call.operation)

    def _carry_out(self, call: Call) -> dict[str, Any] | ClientError:
        params = call.params
        if self.troubles.breaks_pages and "MaxItems" in params:
            params = {**params, "MaxItems": _SMALL_PAGE}
        try:
            found = self._services[call.service].operations[call.operation](params)
        except AwsError as refused:
            return _error(refused.code, refused.status, refused.message, call.operation)
        return {name: value for name, value in found.items() if value is not None}

    def _remember(self, call: Call, outcome: dict[str, Any] | ClientError) -> None:
        if isinstance(outcome, dict) and "ChangeInfo" in outcome and not call.is_late:
            change_id = outcome["ChangeInfo"]["Id"].removeprefix("/change/")
            self.answered[change_id] = self._loop.time()


class SimulatedClient:
    """Stands for a client of the SDK."""

    def __init__(self, aws: SimulatedAws, service: str) -> None:
        self._aws = aws
        self._service = service
        self.exceptions = SimpleNamespace(HostedZoneAlreadyExists=HostedZoneAlreadyExists)

    def get_paginator(self, name: str) -> SimulatedPaginator:
        """Pages of a listing of records."""
        return SimulatedPaginator(getattr(self, name))

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        operation = "".join(part.capitalize() for part in name.split("_"))

        async def call(**params: Any) -> Any:
            return await self._aws.call(self._service, operation, params)

        return call


class SimulatedPaginator:
    """Asks for one page after another, as botocore's does."""

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        self._ask = ask

    async def paginate(self, **params: Any) -> AsyncIterator[Any]:
        """The pages of a listing of record sets."""
        while True:
            page = await self._ask(**params)
            yield page
            if not page["IsTruncated"]:
                return
            for name in ("Name", "Type", "Identifier"):
                params.pop(f"StartRecord{name}", None)
                if page.get(f"NextRecord{name}") is not None:
                    params[f"StartRecord{name}"] = page[f"NextRecord{name}"]


def _answer(answer: asyncio.Future[Any], outcome: dict[str, Any] | ClientError) -> None:
    if answer.done():
        return
    if isinstance(outcome, ClientError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def _error(code: str, status: int, message: str, operation: str) -> ClientError:
    kind = HostedZoneAlreadyExists if code == "HostedZoneAlreadyExists" else ClientError
    body: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return kind(body, operation)
