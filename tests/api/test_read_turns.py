"""Reads take turns by what they cost, whoever asks; what a client left is not finished."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import Any, cast

import pytest
from aiohttp import ClientError, ClientTimeout, web

from controller.api.http.metering import Metered
from controller.api.http.problems import ProblemError
from controller.api.http.rate_limits import RateLimits
from controller.api.http.read_turns import ReadTurns
from controller.api.http.route import RateClass, Route, RouteCall
from controller.loops.cycle import previews
from controller.loops.steering_first import SteeringFirst
from controller.model.access import Principal, Role
from controller.model.configuration import ApiLimits
from controller.planning.account.evidence import Evidence
from controller.planning.account.single_failures import SingleFailure, each_failure
from tests.api.callers import bearer, guarded
from tests.api.serving import api
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime
ANN, BOB = (Principal(name, Role.VIEWER) for name in ("ann", "bob"))
PAGE = web.Response(text="x")


@dataclass
class Costly:
    """A route whose handler takes some CPU between two waits, in simulated time."""

    cost_s: float
    clock: FakeClock = field(default_factory=FakeClock)
    used_s: float = 0.0
    changed_at: float = -inf
    """When what is believed of endpoints changed last."""
    answered: list[tuple[str, float]] = field(default_factory=list)
    """Who was answered, and when."""

    def __post_init__(self) -> None:
        first = SteeringFirst(self.clock, lambda: self.changed_at)
        self.turns = ReadTurns(self.clock, first, lambda: self.used_s)
        self.route = Route("GET", "/costly", self._answer, "", {})

    async def ask(self, caller: Principal) -> float:
        call = RouteCall(cast(web.Request, None), cast(Any, None), caller, {}, None)
        charged: list[float] = []
        await self.turns.take(self.route, call, charged.append)
        return charged[0]

    async def _answer(self, call: RouteCall) -> web.Response:
        await asyncio.sleep(0)
        self.used_s += self.cost_s
        self.answered.append((call.principal.name, self.clock.monotonic()))
        await asyncio.sleep(0)
        return PAGE


async def test_all_reads_together_leave_two_thirds_of_the_loop_to_steering() -> None:
    """However many ask at once, and however many callers they are."""
    costly = Costly(0.1)
    await costly.ask(ANN)  # what it costs is known from now on
    for _ in range(9):
        await costly.ask(ANN)
    began = costly.clock.monotonic()
    await asyncio.gather(*(costly.ask(who) for _ in range(20) for who in (ANN, BOB)))
    assert costly.clock.monotonic() - began >= 3 * 39 * 0.1 * 0.9
    times = [at for _, at in costly.answered[10:]]
    assert all(later - sooner >= 0.2 for sooner, later in pairwise(times))


async def test_a_caller_that_asks_much_keeps_nobody_else_from_its_turn() -> None:
    """Its own requests queue behind each other, the other's come every second time."""
    costly = Costly(0.1)
    for _ in range(10):
        await costly.ask(ANN)
    many = [asyncio.ensure_future(costly.ask(ANN)) for _ in range(50)]
    await asyncio.sleep(0)
    await costly.ask(BOB)
    names = [name for name, _ in costly.answered[10:]]
    assert names.index("bob") <= 3
    for one in many:
        one.cancel()
    await asyncio.gather(*many, return_exceptions=True)


async def test_a_read_waits_a_second_while_a_failure_is_confirmed() -> None:
    """And no longer, also while an endpoint flaps."""
    costly = Costly(0.001)
    await costly.ask(ANN)
    costly.changed_at = costly.clock.monotonic()
    began = costly.clock.monotonic()
    await costly.ask(ANN)
    assert costly.clock.monotonic() - began == pytest.approx(1.0, abs=0.1)

    async def flap() -> None:
        while True:
            costly.changed_at = costly.clock.monotonic()
            await asyncio.sleep(0.3)

    flapping = asyncio.ensure_future(flap())
    await asyncio.sleep(0)
    began = costly.clock.monotonic()
    await costly.ask(BOB)
    assert costly.clock.monotonic() - began == pytest.approx(1.0, abs=0.1)
    flapping.cancel()


async def test_what_costs_little_waits_for_nobody() -> None:
    """As the reads of small installations do."""
    costly = Costly(0.0005)
    for _ in range(20):
        await costly.ask(ANN)
    began = costly.clock.monotonic()
    for _ in range(100):
        await asyncio.sleep(0.002)
        await costly.ask(ANN)
    assert costly.clock.monotonic() - began == pytest.approx(0.2)


async def test_what_is_measured_are_the_steps_alone_and_errors_pass() -> None:
    """Not the time of others between them."""
    used = 0.0
    seen: list[float] = []

    async def work() -> str:
        nonlocal used
        used += 1
        await asyncio.sleep(0)
        used += 2
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.1)
        except TimeoutError:
            used += 4
        return "done"

    async def others() -> None:
        nonlocal used
        for _ in range(5):
            used += 100
            await asyncio.sleep(0.01)

    other = asyncio.ensure_future(others())
    assert await Metered(work(), seen.append, lambda: used) == "done"
    assert sum(seen) == 7
    await other

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ProblemError(404, "nothing there")

    with pytest.raises(ProblemError):
        await Metered(failing(), seen.append, lambda: used)


def passing(limits: RateLimits, given: ApiLimits, most: int = 500) -> int:
    """How many reads pass now."""
    for count in range(most):
        try:
            limits.count(RateClass.READ, given, ANN, "127.0.0.1")
        except ProblemError:
            return count
    return most


@pytest.mark.parametrize(
    ("cpu_s", "size", "tokens"),
    [(0.0, 0, 1), (0.004, 1000, 1), (0.1, 0, 20), (0.0, 2**20, 16), (0.05, 2**20, 16)],
)
async def test_a_read_costs_what_it_took(cpu_s: float, size: int, tokens: int) -> None:
    """A token stands for 5 ms of the event loop, or for 64 kB of the answer."""
    given, limits = ApiLimits(reads_per_s=1, reads_burst=100), RateLimits(FakeClock())
    limits.count(RateClass.READ, given, ANN, "127.0.0.1")
    limits.charge_read(given, ANN, "127.0.0.1", cpu_s, size)
    assert passing(limits, given) == 100 - tokens


async def test_a_long_report_costs_more_than_a_short_one() -> None:
    """Each 8 kB one token: a caller may send as much as it likes, but not as often."""
    reports = ApiLimits(measurements_per_s=1, measurements_burst=10)
    one = {"service": "shop", "pool": "europe", "region": "eu-west-1", "requests": 1, "errors": 0}
    async with api(guarded(reports), running=False) as served:
        statuses = []
        for _ in range(4):
            body = {"window_s": 1.0, "measurements": [one] * 400}
            sent = await served.post(
                "/v1/measurements/traffic", json=body, headers=bearer("operator")
            )
            statuses.append(sent.status)
    assert statuses == [204, 204, 429, 429]


async def test_a_caller_may_owe_no_more_than_its_burst() -> None:
    """One answer of an hour locks nobody out for longer than twice an empty bucket."""
    given, limits = ApiLimits(reads_per_s=10, reads_burst=20), RateLimits(FakeClock())
    limits.charge_read(given, ANN, "127.0.0.1", 3600.0, 0)
    assert passing(limits, given) == 0
    await asyncio.sleep(2.2)
    assert passing(limits, given) >= 1


class Ticking(FakeClock):
    """A clock by which everything takes a hundredth of a second."""

    ticks = 0

    def monotonic(self) -> float:
        self.ticks += 1
        return super().monotonic() + 0.01 * self.ticks


async def test_what_a_client_left_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Single failures end with their last client, in the middle."""
    begun: list[SingleFailure] = []
    ended: list[bool] = []

    def slow(now: Evidence) -> Generator[SingleFailure, None, None]:
        try:
            for one in each_failure(now):
                for _ in range(500):
                    begun.append(one)
                    yield one
        finally:
            ended.append(True)

    monkeypatch.setattr(previews, "each_failure", slow)
    async with api() as served:
        served.controller.previews._failures._clock = Ticking()
        await asyncio.sleep(2)  # what was found at the start is acted on
        impatient = ClientTimeout(total=0.1)
        for number in range(2):
            with pytest.raises((ClientError, TimeoutError)):
                await served.client.get("/v1/plan/failures", timeout=impatient)
            await served.until(lambda: len(ended) > number)  # noqa: B023 - awaited at once
        went_on = len(begun)
        await asyncio.sleep(0.1)
        assert len(begun) == went_on < 2500
        assert (await served.get("/livez")).status == 200
