"""What deciding, reading and answering cost beside what was asked for; printed by `placement`.

Figures are CPU time, medians of several rounds. The machine's speed drifts, so a fixed loop of pure
Python is timed before each measure and after the last round of it: a figure is judged as it would
be at the speed at which that loop takes `USUAL_MS`. Ratios need no such care.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from statistics import median
from time import thread_time
from unittest.mock import patch

import structlog

from controller.api.http.request_bodies import PostedOverride
from controller.api.http.route import Route
from controller.api.routes import overrides
from controller.api.routes import plan as routes_plan
from controller.api.routes import status as routes_status
from controller.api.routes import why as routes_why
from controller.loops.levers.own_writes import Beginning
from controller.loops.levers.readings import Reading
from controller.loops.levers.residency_cache import ResidencyCache
from controller.model.configuration import Settings
from controller.model.decision import Decision, Snapshot
from controller.model.levers import RecordSet
from controller.model.overrides import OverrideKind
from controller.planning.account.columns import aligned
from controller.planning.decision import decide
from controller.planning.levers.route53 import ROUTE53
from tests.bench.standing import Standing, bound, records_of
from tests.bench.worlds import at_rest, failed, with_endpoints
from tests.planning.placement.transport_problems import world

SIZE = (20, 250)
PER_REGION = 1000
ROUNDS = 9
ENOUGH_MS = 3_000.0
"""CPU time after which a measure has had rounds enough."""
SEED = 11
USUAL_MS = 11.0
"""CPU time of the reference loop on a machine of today that is not shared."""
HEAD = ("measure", "unit", "measured (min to max)", "speed", "at usual speed", "asked", "")


@dataclass
class Row:
    """One measure; less is better."""

    measure: str
    asked: float | None = None
    """The most it may be; None: nothing was asked for."""
    unit: str = "ms"
    figures: list[float] = field(default_factory=list)
    speed: float = 1.0
    """The machine's while it was measured, 1 as usual."""

    @property
    def judged(self) -> float:
        """The median, a time as it would be at the usual speed."""
        found = median(self.figures)
        return found if self.unit == "ratio" else found * self.speed

    @property
    def cells(self) -> list[str]:
        """As in the table."""
        verdict = "" if self.asked is None else "yes" if self.judged <= self.asked else "NO"
        figure = "g" if self.unit == "ratio" else ".1f"
        return [
            self.measure,
            self.unit,
            spread(self.figures, ".2f" if self.unit == "ratio" else ".1f"),
            "" if self.unit == "ratio" else f"{self.speed:.2f}",
            f"{self.judged:{'.2f' if self.unit == 'ratio' else figure}}",
            "" if self.asked is None else f"≤ {self.asked:g}",
            verdict,
        ]


def table() -> str:
    """The measures, for people."""
    # What is logged of every cycle and order is no part of what is measured.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    moment = at_rest(world(*SIZE, SEED, capacity_ratio=1.25, bound=False))
    rows = [*_decisions(moment), *_readings(moment), *asyncio.run(_answers(moment))]
    speeds = [row.speed for row in rows if row.unit != "ratio"]
    head = (
        f"{SIZE[0]} regions x {SIZE[1]} pools; ms of CPU. The reference loop takes {USUAL_MS:g} ms "
        f"at the usual speed (1); here it ran at {min(speeds):.2f} to {max(speeds):.2f}."
    )
    return "\n".join([head, *aligned([list(HEAD), *(row.cells for row in rows)])])


def _decisions(moment: Snapshot) -> Iterator[Row]:
    yield _measured(Row("decision on a reading already derived", 25), lambda: decide(moment))
    region = next(iter(moment.settings.services["shop"].regions))
    down = failed(moment, region)
    yield _measured(Row("the same, a region down"), lambda: decide(down))
    many = with_endpoints(moment, PER_REGION)
    calm = Row(f"decision with {PER_REGION * SIZE[0]} endpoints, none down", 200)
    yield _measured(calm, lambda: decide(many))
    lost = failed(many, region)
    gone = Row("the same, one region down, no reference targets")
    yield _measured(gone, lambda: decide(lost))
    ratio = median(gone.figures) * gone.speed / (median(calm.figures) * calm.speed)
    yield Row("  beside none down", 1.3, "ratio", [ratio])


def _readings(moment: Snapshot) -> Iterator[Row]:
    records = records_of(moment, "shop")
    same = tuple(replace(record) for record in records)
    other = tuple(replace(record, weight=(record.weight or 0) + 1) for record in records)
    for text, settings in (
        ("deriving a new reading", moment.settings),
        ("the same, every pool bound", bound(moment.settings, "shop")),
    ):
        yield _measured(Row(text, 60), _Deriving(settings, (records, other)))
    yield _measured(Row("finding that a reading says the same"), lambda: records == same)


class _Deriving:
    """Derives what a zone's listing says; every other time of other weights."""

    def __init__(self, settings: Settings, listings: tuple[tuple[RecordSet, ...], ...]) -> None:
        self._service = settings.services["shop"]
        self._listings = listings
        self._proofs = ResidencyCache()
        self._turn = 0
        self()  # the first proof of all is made when the daemon starts

    def __call__(self) -> object:
        self._turn += 1
        listing = self._listings[self._turn % len(self._listings)]
        return Reading(ROUTE53, listing, Beginning(0, 0.0), self._proofs).derived(
            "shop", self._service
        )


async def _answers(moment: Snapshot) -> list[Row]:
    standing = Standing(moment)
    await standing.controller.state_loading.begin()
    for _ in range(2):
        await standing.cycle()
    clock = _DecisionTime()
    with patch("controller.loops.cycle.previews.decide", clock):
        return await _Answers(standing, clock).rows()


class _DecisionTime:
    """`decide`, with what it took."""

    def __init__(self) -> None:
        self.ms = 0.0
        self.made = 0

    def __call__(self, snapshot: Snapshot) -> Decision:
        begin = thread_time()
        decision = decide(snapshot)
        self.ms += (thread_time() - begin) * 1e3
        self.made += 1
        return decision


class _Answers:
    """What the API's answers take, without the network."""

    def __init__(self, standing: Standing, decisions: _DecisionTime) -> None:
        self._standing = standing
        self._decisions = decisions
        self._region = next(iter(standing.settings.services["shop"].regions))
        self._order = PostedOverride(kind=OverrideKind.DRAIN, region=self._region, reason="bench")

    async def rows(self) -> list[Row]:
        """Questions, then orders."""
        plan, status, why = map(_route, ("GET /v1/plan", "GET /v1/status", "GET /v1/why"))
        beside = Row("GET /v1/plan of a new state, beside its decision", 20)
        cycle = Row("a whole cycle that changes nothing")
        questions = {
            "GET /v1/plan of the same state": lambda: self._standing.ask(plan),
            "GET /v1/plan?all=true": lambda: self._standing.ask(plan, all=True),
            "GET /v1/status": lambda: self._standing.ask(status),
            "GET /v1/why of a region": lambda: self._standing.ask(why, region=self._region),
        }
        rows = {text: Row(text) for text in questions}
        for _ in range(ROUNDS):
            with _Timed(cycle):
                await self._standing.cycle()
            await self._beside_decision(beside, lambda: self._standing.ask(plan))
            for text, ask in questions.items():
                await self._timed(rows[text], ask)
        return [cycle, beside, *rows.values(), *await self._orders()]

    async def _orders(self) -> list[Row]:
        """Each in a state that was looked at; what it costs by what its one decision takes."""
        post = _route("POST /v1/overrides")
        alone = Row("POST /v1/overrides, by one decision", 1.3, "ratio")
        both = Row("its preview and POST /v1/overrides, by one decision", None, "ratio")
        for _ in range(ROUNDS):
            await self._ratio(alone, lambda: self._standing.ask(post, self._order, if_match="*"))
            await self._ratio(both, self._previewed)
        return [alone, both]

    async def _previewed(self) -> object:
        post = _route("POST /v1/overrides")
        shown = await self._standing.ask(post, self._order, dry_run=True)
        return await self._standing.ask(post, self._order, if_match=shown.headers["ETag"])

    async def _ratio(self, row: Row, give: Callable[[], Awaitable[object]]) -> None:
        await self._standing.ask(_route("GET /v1/plan"))
        took_ms, decisions_ms, made = await self._took(give)
        assert made == 1, f"{row.measure}: {made} decisions"
        row.figures.append(took_ms / decisions_ms)
        await self._standing.calm()

    async def _beside_decision(self, row: Row, ask: Callable[[], Awaitable[object]]) -> None:
        with _Timed(row) as timed:
            _, decisions_ms, made = await self._took(ask)
        assert made == 1, f"{row.measure}: {made} decisions"
        timed.less(decisions_ms)

    async def _timed(self, row: Row, ask: Callable[[], Awaitable[object]]) -> None:
        with _Timed(row):
            _, _, made = await self._took(ask)
        assert made == 0, f"{row.measure}: {made} decisions"

    async def _took(self, ask: Callable[[], Awaitable[object]]) -> tuple[float, float, int]:
        """Milliseconds in all and of decisions, and how many these were."""
        before_ms, before = self._decisions.ms, self._decisions.made
        begin = thread_time()
        await ask()
        took_ms = (thread_time() - begin) * 1e3
        return took_ms, self._decisions.ms - before_ms, self._decisions.made - before


class _Timed:
    """Adds what its block takes to a row, and what the machine's speed was."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def __enter__(self) -> _Timed:
        self._speed = USUAL_MS / reference_ms()
        self._begin = thread_time()
        return self

    def __exit__(self, *_: object) -> None:
        took_ms = (thread_time() - self._begin) * 1e3
        known = len(self._row.figures)
        self._row.speed = (self._row.speed * known + self._speed) / (known + 1)
        self._row.figures.append(took_ms)

    def less(self, ms: float) -> None:
        """So much of it is none of the row's."""
        self._row.figures[-1] -= ms


def _measured(row: Row, call: Callable[[], object]) -> Row:
    """As many rounds as there are, but no more once they have taken long enough."""
    for _ in range(ROUNDS):
        with _Timed(row):
            call()
        if sum(row.figures) > ENOUGH_MS:
            break
    return row


def reference_ms() -> float:
    """CPU time of a fixed loop: the dictionaries, tuples and sums that decisions are made of."""
    begin = thread_time()
    table: dict[tuple[str, int], float] = {}
    for number in range(40_000):
        table["pool", number % 997] = number * 0.5 + table.get(("pool", number % 991), 1.0) * 1e-3
    assert sum(share for share in table.values() if share > 0) > 0
    return (thread_time() - begin) * 1e3


def spread(figures: list[float], form: str) -> str:
    """Median, and in brackets the least and the most."""
    if len(figures) == 1:
        return f"{figures[0]:{form}}"
    return f"{median(figures):{form}} ({min(figures):{form}} to {max(figures):{form}})"


def _route(name: str) -> Route:
    modules = (overrides, routes_plan, routes_status, routes_why)
    routes: list[Route] = [route for module in modules for route in module.ROUTES]
    return next(route for route in routes if f"{route.method} {route.path}" == name)
