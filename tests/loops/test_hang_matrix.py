"""Whatever hangs or fails, in whatever situation: a region that dies is out in time.

A cell is one async method of one port, hanging for an hour or failing, in one situation. In every
cell a region dies in both services, one behind weighted records, one behind an accelerator. Each
service whose own lever answers must have it out within `OUT_S` after its probes have found it down,
and nothing else may move. A method that is new in `controller.ports` joins by itself.

Named exceptions:
- `Clock.sleep` is no outside thing: without it there is no time that anything could take;
- a lever, and a probe, that does not answer concerns its own service alone;
- until orders and freezes of before the start were read, nothing moves, and it is said;
- a start on a store that fails, rather than hangs, is refused.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from typing import Any, NamedTuple

import pytest

from controller import ports
from controller.composition import Controller
from controller.model.errors import ProviderUnavailableError, StateUnavailableError
from controller.model.health import Verdict
from controller.model.levers import Outcome, OutcomeStatus, Position
from controller.model.overrides import OverrideKind, OverrideRequest
from tests.fakes.methods import Method
from tests.loops.hanging import HOUR_S, failing, hanging
from tests.loops.simulated import SETTINGS, World
from tests.loops.small import logged
from tests.loops.test_reload import File, edited

pytestmark = pytest.mark.looptime

OUT_S = 1.0
"""From the verdict to the write that was applied."""
WELL_S = 10.0
DEAD = "eu-west-1"
OTHER = "us-east-1"
SERVICES = ("shop", "api")
NOT_OUTSIDE = {"Clock"}
LEVERS = {"RecordSets": "shop", "Accelerators": "api"}
PROBER = "Prober"
"""Its one method awaits nothing; a probe of one service that is never answered stands for it."""
IN_SHORT = {"read", "change", "expect", "expected", "overrides", "add_record", "audit"}
"""Methods whose hanging is tried by `make test`; `make slow` tries everything."""
TROUBLES = ("hangs", "fails", "breaks")
"""Takes an hour; fails as its contract allows; raises an unexpected error, a mistake of ours."""


class Cell(NamedTuple):
    """What is wrong, and when."""

    port: str
    method: str
    trouble: str
    situation: str

    @property
    def service(self) -> str | None:
        """The service that this trouble may keep from moving."""
        if self.port == PROBER:
            return self.method
        steering = self.method in ("read", "change")
        return LEVERS.get(self.port) if steering else None

    @property
    def is_unread(self) -> bool:
        """Whether what an earlier process left cannot be read."""
        read = ("overrides", "expected", "kept", "kept_weights")
        return self.situation == "start-up" and self.method in read

    def __str__(self) -> str:
        return f"{self.port}.{self.method}-{self.trouble}-{self.situation}"


def async_methods() -> Iterator[tuple[str, str]]:
    """Protocol and method of everything that the loops await."""
    for name, port in inspect.getmembers(ports, inspect.isclass):
        if getattr(port, "_is_protocol", False) and name not in NOT_OUTSIDE:
            for method, _ in inspect.getmembers(port, inspect.iscoroutinefunction):
                yield name, method


def fake(world: World, port: str) -> Any:
    """What fulfils a port in the simulated world."""
    methods = [method for name, method in async_methods() if name == port]
    outside = (world.records, world.accelerators, world.checks, world.name_servers, world.store)
    return next(one for one in outside if all(hasattr(one, method) for method in methods))


@contextmanager
def in_trouble(world: World, cell: Cell) -> Iterator[None]:
    """The method hangs, fails or breaks meanwhile."""
    if cell.port == PROBER:
        (probe,) = (
            endpoint.probe
            for one, endpoint in world.settings.endpoints()
            if (one.service, one.region) == (cell.service, OTHER)
        )
        world.prober.slow(probe, HOUR_S)
        yield
        return
    port = fake(world, cell.port)
    if cell.trouble == "hangs":
        with hanging(port, cell.method):
            yield
    elif cell.trouble == "breaks":
        with failing(port, cell.method, KeyError("a mistake of ours")):
            yield
    elif cell.method == "change":

        async def unknown(*_args: Any, **_kwargs: Any) -> Outcome:
            return Outcome(OutcomeStatus.UNKNOWN, "no answer within the deadline")

        with Method(getattr(port, cell.method)).replaced(unknown):
            yield
    else:
        error = StateUnavailableError if port is world.store else ProviderUnavailableError
        with failing(port, cell.method, error("told to fail")):
            yield


class Stage:
    """A world with its loops, and what a situation may do before the region dies."""

    def __init__(self, world: World, controller: Controller) -> None:
        self.world = world
        self.controller = controller
        self.may_move: set[Position] = set()
        """What this situation moves itself."""

    def settings(self) -> dict[Position, object]:
        """Everything that is steered, as it is at AWS."""
        found: dict[Position, object] = {
            Position("shop", pool, region): weight
            for pool in SETTINGS.services["shop"].pools
            for region, weight in self.world.weights(pool).items()
        }
        dials = self.world.dials().items()
        return {**found, **{Position("api", "world", region): dial for region, dial in dials}}

    def is_down(self, service: str) -> bool:
        """Whether the probes have found the region down."""
        states = self.controller.probing.health.items()
        return any(
            state.verdict is Verdict.DOWN
            for one, state in states
            if (one.service, one.region) == (service, DEAD)
        )

    def is_out(self, service: str) -> bool:
        """Whether no pool of the service directs users to the region any more."""
        return all(
            setting in (0, (0.0, 0))
            for position, setting in self.settings().items()
            if (position.service, position.region) == (service, DEAD)
        )


Situation = Callable[[Stage], AsyncIterator[None]]


async def calm(stage: Stage) -> AsyncIterator[None]:
    """Nothing is to be done."""
    yield
    await asyncio.sleep(3)


async def ramp(stage: Stage) -> AsyncIterator[None]:
    """Another region has returned, and its next step is due soon."""
    stage.world.kill(OTHER)
    await asyncio.sleep(4)
    stage.world.heal(OTHER)
    await asyncio.sleep(7)
    stage.may_move |= {position for position in stage.settings() if position.region == OTHER}
    yield
    await asyncio.sleep(4)


async def emergency(stage: Stage) -> AsyncIterator[None]:
    """The region dies at the very moment."""
    yield


async def reload(stage: Stage) -> AsyncIterator[None]:
    """Other settings are being taken over, which move nothing."""
    yield
    stage.controller.reload.signal()
    await asyncio.sleep(0.3)


async def start_up(stage: Stage) -> AsyncIterator[None]:
    """The trouble is older than the process."""
    yield
    await asyncio.sleep(WELL_S)


async def order(stage: Stage) -> AsyncIterator[None]:
    """A person drains another region of one pool."""
    yield
    request = OverrideRequest(
        OverrideKind.DRAIN, "ann", "INC-42", 600, "eu-central-1", service="shop", pool="world"
    )
    stage.may_move.add(Position("shop", "world", "eu-central-1"))
    stage.ordered = asyncio.create_task(stage.controller.overrides.add(request))  # type: ignore[attr-defined]  # kept alive
    await asyncio.sleep(0.3)


SITUATIONS: dict[str, Situation] = {
    "calm": calm,
    "ramp": ramp,
    "emergency": emergency,
    "reload": reload,
    "start-up": start_up,
    "order": order,
}
CELLS = [
    *(
        Cell(port, method, trouble, situation)
        for port, method in async_methods()
        for trouble in TROUBLES
        for situation in SITUATIONS
    ),
    *(
        Cell(PROBER, service, "hangs", situation)
        for service in SERVICES
        for situation in SITUATIONS
    ),
]


def marked(cell: Cell) -> Any:
    """The cell, with what pytest must know of it."""
    marks = []
    if cell.trouble != "hangs" or cell.method not in IN_SHORT:
        marks.append(pytest.mark.slow)
    return pytest.param(cell, id=str(cell), marks=marks)


@pytest.fixture(scope="module", autouse=True)
def counted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prints how many cells were tried."""
    yield
    tried = sum(item.path == request.node.path for item in request.session.items)
    capturing = request.config.pluginmanager.get_plugin("capturemanager")
    with capturing.global_and_fixture_disabled() if capturing else nullcontext():
        print(f"\nhang matrix: {tried} of {len(CELLS)} cells tried")  # noqa: T201 - to be read


@asynccontextmanager
async def staged(cell: Cell, troubles: ExitStack) -> AsyncIterator[Stage]:
    """The situation, with the trouble in it, at the moment before the region dies."""
    world, file = World(), File()
    file.settings = edited(lambda data: data["cycle"].update(period_s=5))
    if cell.situation == "start-up":
        troubles.enter_context(in_trouble(world, cell))
    async with world.running(load=file.load) as controller:
        stage = Stage(world, controller)
        situation = SITUATIONS[cell.situation](stage)
        if cell.situation != "start-up":
            await asyncio.sleep(WELL_S)
        await anext(situation)
        if cell.situation != "start-up":
            troubles.enter_context(in_trouble(world, cell))
        await anext(situation, None)
        yield stage


async def seconds_until(is_so: Callable[[], bool], most_s: float) -> float | None:
    """How long it takes; None: longer than that."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began <= most_s:
        if is_so():
            return loop.time() - began
        await asyncio.sleep(0.02)
    return None


async def out_after(stage: Stage, service: str) -> float | None:
    """Seconds from the verdict until the region is out; None: it is not within ten."""
    assert await seconds_until(lambda: stage.is_down(service), 5) is not None
    return await seconds_until(lambda: stage.is_out(service), 10)


async def play(cell: Cell) -> None:
    """One cell."""
    with ExitStack() as troubles:
        async with staged(cell, troubles) as stage:
            before = stage.settings()
            stage.world.kill(DEAD)
            free = [name for name in SERVICES if name != cell.service]
            took_s = dict(
                zip(
                    free,
                    await asyncio.gather(*(out_after(stage, name) for name in free)),
                    strict=True,
                )
            )
            after = stage.settings()
            moved = {position for position in before if after[position] != before[position]}
            unread = stage.controller.snapshots.unread
            failing_parts = stage.controller.supervision.failing

    assert failing_parts == {} or cell.trouble == "breaks", "it is started anew"
    others = {p for p in moved if p.region != DEAD} - stage.may_move
    assert others == set(), "nothing else moves"
    if cell.is_unread:
        assert unread is not None
        assert moved == set()
        return
    assert unread is None
    assert {name: s for name, s in took_s.items() if s is None or s > OUT_S} == {}


@pytest.mark.parametrize("cell", [marked(cell) for cell in CELLS])
async def test_a_region_that_dies_is_out_in_time(cell: Cell) -> None:
    """Whatever else hangs, fails or breaks."""
    with logged():  # to show every traceback would take longer than all else
        if cell.is_unread and cell.trouble == "fails":
            with pytest.raises(StateUnavailableError):
                await play(cell)
        elif cell.is_unread and cell.trouble == "breaks":
            with pytest.raises(KeyError):
                await play(cell)
        else:
            await play(cell)
