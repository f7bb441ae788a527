"""The composed controller, and the process around it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from controller.composition import Controller
from controller.loops.active_settings import ActiveSettings, settings_hash
from controller.loops.process.supervision import LoopEndedError
from controller.model.decision import Snapshot
from controller.model.health import ProbeOutcome
from controller.model.overrides import OverrideKind, OverrideRequest
from controller.settings import load
from tests.loops.simulated import SETTINGS, ZONE, World
from tests.loops.small import region, small, weighted
from tests.sandbox.worlds import free_port
from tests.stopwatch import Stopwatch

SANDBOX = Path(__file__).parents[1] / "config" / "sandbox.yaml"
WELL_S = 20
FREEZE = OverrideRequest(OverrideKind.FREEZE, "ann", "INC-42", 60)


def test_the_same_settings_have_the_same_hash_in_every_process() -> None:
    """It is compared across restarts and between operators."""
    script = (
        "import sys; from controller.settings import load;"
        "from controller.loops.active_settings import settings_hash;"
        "from pathlib import Path; print(settings_hash(load(Path(sys.argv[1]))))"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", script, str(SANDBOX)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert hashes == {settings_hash(load(SANDBOX))}


def test_any_other_setting_has_another_hash() -> None:
    """However small the difference."""
    cycle = SETTINGS.cycle.model_copy(update={"period_s": 10.001})

    assert settings_hash(SETTINGS.model_copy(update={"cycle": cycle})) != settings_hash(SETTINGS)
    assert len(settings_hash(SETTINGS)) == 12


def test_the_hash_is_always_that_of_the_settings_in_force() -> None:
    """Also after others were put in force."""
    active_settings = ActiveSettings(SETTINGS)
    other = small()
    active_settings.swap(other)

    assert (active_settings.settings, active_settings.hash) == (other, settings_hash(other))


@pytest.mark.looptime
async def test_a_persons_order_wakes_the_loop_at_once() -> None:
    """It does not wait out the period, and is in force in the very next decision."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        await controller.overrides.add(FREEZE)
        await asyncio.sleep(0.3)

        latest = controller.reconciliation.latest
        assert latest is not None
        assert [o.kind for o in latest.snapshot.overrides] == [OverrideKind.FREEZE]
        assert latest.snapshot.now == WELL_S


@pytest.mark.looptime
async def test_what_is_seen_decided_and_written_reaches_everybody_who_is_told() -> None:
    """Metrics, live events, records and the follow-up of one failover."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        world.kill("eu-west-1")
        await asyncio.sleep(5)
        dependencies = controller.api_dependencies()
        text = generate_latest(dependencies.metrics.registry).decode()
        kinds = {event.type.value for event in controller.event_stream.recent(1_000)}

    moments = {m.name for r in await world.store.records(limit=50) for m in r.timeline}
    assert {"first_failure", "detected", "decided", "applied", "insync", "deployed"} <= moments
    assert 'gtc_region_up{region="eu-west-1",service="shop"} 0.0' in text
    assert "gtc_reference_probes_total" in text
    assert {"decision", "decision_updated"} <= kinds
    assert dependencies.reconciliation is controller.reconciliation
    assert dependencies.active_settings is controller.active_settings


@pytest.mark.looptime
async def test_a_controller_loads_what_an_earlier_one_left() -> None:
    """Orders and expectations, before the first cycle."""
    world = World()
    async with world.running() as earlier:
        await asyncio.sleep(WELL_S)
        await earlier.overrides.add(FREEZE)
        expected = dict(earlier.expectations.all)
    async with world.running() as later:
        assert [o.id for o in later.overrides.active()] == [1]
        assert later.expectations.all == expected != {}


@pytest.mark.looptime
@pytest.mark.parametrize("name", ["probing", "overrides", "heartbeat", "reconciliation"])
@pytest.mark.parametrize("how", ["fails", "returns"])
async def test_a_vital_loop_that_is_over_ends_the_daemon(
    name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a daemon looks alive and does nothing."""

    async def over(*_: object) -> None:
        await asyncio.sleep(1)
        if how == "fails":
            raise RuntimeError("a mistake of ours")

    world = World()

    async def run_daemon() -> None:
        async with world.running() as controller:
            monkeypatch.setattr(getattr(controller, name), "run", over)
            await asyncio.sleep(60)

    with pytest.raises(BaseExceptionGroup) as ended:
        await run_daemon()

    assert ended.value.subgroup(LoopEndedError) is not None
    assert world.clock.monotonic() == pytest.approx(1)


@pytest.mark.looptime
async def test_a_cycle_that_fails_is_tried_again_and_does_not_end_the_daemon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reconciler survives what it did not expect, ever more patiently."""
    world = World()
    tries: list[float] = []

    def failing(_overrides: object) -> Snapshot:
        tries.append(world.clock.monotonic())
        raise RuntimeError("a mistake of ours")

    async with world.running() as controller:
        with monkeypatch.context() as patch:
            patch.setattr(controller.snapshots, "build", failing)
            await asyncio.sleep(30)
        await asyncio.sleep(15)
        assert cycle_of(controller) > len(tries)

    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps[:5] == pytest.approx([0.25, 0.5, 1, 2, 4])
    assert max(gaps) <= 10
    assert world.records.reads == [ZONE] * len(world.records.reads) != []


def cycle_of(controller: Controller) -> int:
    latest = controller.reconciliation.latest
    return latest.cycle if latest else 0


@pytest.mark.looptime
async def test_ending_the_house_leaves_nothing_behind() -> None:
    """Every loop ends when it is told to, in the middle of whatever it does."""
    world = World()
    async with world.running():
        await asyncio.sleep(WELL_S)
        for probe in world.probes("eu-west-1"):
            world.prober.hang(probe)
        world.prober.answer(SETTINGS.reference_targets.known_good[0], ProbeOutcome.FAILED)
        world.records.hold_insync = True
        world.kill("us-east-1")
        await asyncio.sleep(1.05)

    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.program
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_daemon_that_reaches_nobody_still_ends_within_a_second(
    number: signal.Signals, tmp_path: Path
) -> None:
    """No region answers and AWS refuses; it starts, says so, and ends well when it is told to."""
    shop = weighted()
    shop["regions"] = {
        name: region(web={"probe": f"tcp://127.0.0.1:{free_port('127.0.0.1')}"})
        for name in ("eu-west-1", "us-east-1")
    }
    settings = small(
        services={"shop": shop}, api={"port": 0}, state_path=str(tmp_path / "gtc.sqlite")
    )
    config = tmp_path / "gtc.yaml"
    config.write_text(settings.model_dump_json(exclude_none=True))
    environment = os.environ | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port('127.0.0.1')}",
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "controller", "run", str(config)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            with process.stdout as output:
                assert json.loads(output.readline())["ready"] == "daemon"
                time.sleep(0.5)
                process.send_signal(number)
                ending = Stopwatch().start()
                assert process.wait(10) == 0
                took_s = ending.stop()
        finally:
            process.kill()
        log.seek(0)
        events = [json.loads(line)["event"] for line in log]

    assert took_s < 1
    assert "observation_failed" in events
    assert events[-1] == "stopped"
