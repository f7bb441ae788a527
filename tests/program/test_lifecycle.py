"""Start, run and end of a daemon process: signals, the service manager, exit codes, its log."""

from __future__ import annotations

import json
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.program.lone_daemon import Scene, scene
from tests.stopwatch import Stopwatch

pytestmark = [pytest.mark.program, pytest.mark.timeout(120)]
CANARY = "CANARYcanary0123456789"
SERVER_KEY = "AKIA" + "CANARY0123456789"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_within_two_seconds_with_streams_open(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Orderly, with exit code 0, and without a change of traffic."""
    async with scene(tmp_path) as here, here.daemon() as daemon:
        await here.calm(daemon)
        streams = [await here.session.get(f"{daemon.url}/v1/events") for _ in range(20)]
        assert {stream.status for stream in streams} == {200}
        ending = Stopwatch().start()
        daemon.process.send_signal(number)
        assert await daemon.ended(10) == 0
        took_s = ending.stop()
        for stream in streams:
            stream.close()

    assert took_s < 2
    assert [line["event"] for line in map(json.loads, daemon.log)][-2:] == ["stopping", "stopped"]
    assert here.relay.writes == 0


SLOW_END = """
import asyncio, sys
from controller.adapters.sqlite.store import SqliteStore

async def leave(self, *_):
    await asyncio.sleep(60)

SqliteStore.__aexit__ = leave
from controller.cli import main
sys.argv = ["gtc", "run", *sys.argv[1:]]
main()
"""


async def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    """Although the first one could not end it; with the shells' code 130."""
    program = tmp_path / "slow.py"
    program.write_text(SLOW_END)
    async with scene(tmp_path) as here, here.daemon((sys.executable, str(program))) as daemon:
        await here.calm(daemon)
        daemon.process.send_signal(signal.SIGINT)

        async def heard() -> bool:
            return bool(daemon.lines("stopping"))

        await here.until(heard)
        daemon.process.send_signal(signal.SIGINT)
        assert await daemon.ended(2) == 130


async def test_the_service_manager_is_notified_of_every_step(tmp_path: Path) -> None:
    """Ready once it listens, alive while cycles end, stopping before it ends."""
    notifications: list[str] = []
    with _manager(tmp_path) as manager:
        async with scene(tmp_path) as here:
            environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "900000"}
            async with here.daemon(**environment) as daemon:
                await here.calm(daemon)

                async def beaten() -> bool:
                    notifications.extend(_received(manager))
                    return notifications.count("WATCHDOG=1") >= 4

                await here.until(beaten)
                daemon.process.send_signal(signal.SIGTERM)
                assert await daemon.ended(10) == 0
        notifications += _received(manager)

    assert notifications[0].splitlines()[0] == "READY=1"
    assert (
        notifications[0].splitlines()[1].startswith("STATUS=active, admin API at http://127.0.0.1:")
    )
    assert any(text.startswith("STATUS=active, cycle ") for text in notifications)
    assert notifications[-1].startswith("STOPPING=1\nSTATUS=stopping")


async def test_sigusr1_logs_what_every_task_waits_for(tmp_path: Path) -> None:
    """By the loops' names, with their calls; the daemon continues."""
    async with scene(tmp_path) as here, here.daemon() as daemon:
        await here.calm(daemon)
        daemon.process.send_signal(signal.SIGUSR1)

        async def is_dumped() -> bool:
            return "reconciliation" in {line["name"] for line in daemon.lines("task")}

        await here.until(is_dumped)
        await here.calm(daemon)

    calls = {line["name"]: line["calls"] for line in daemon.lines("task")}
    assert {"probing", "overrides", "follow_up", "heartbeat", "reconciliation"} <= set(calls)
    assert any("Reconciliation.run" in call for call in calls["reconciliation"])
    assert any("WakeUp.wait" in call for call in calls["overrides"])


BROKEN_LOOP = """
import sys
from controller.loops.overrides import Overrides

async def run(self):
    {body}

Overrides.run = run
from controller.cli import main
sys.argv = ["gtc", "run", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    ("body", "event"),
    [("return", "loop_ended"), ("raise RuntimeError('told to fail')", "loop_failed")],
)
async def test_a_loop_that_ends_takes_the_daemon_with_it(
    tmp_path: Path, body: str, event: str
) -> None:
    """Exit code 1 and one line with its name; half a daemon would look alive."""
    program = tmp_path / "broken.py"
    program.write_text(BROKEN_LOOP.format(body=body))
    async with scene(tmp_path) as here, here.daemon((sys.executable, str(program))) as daemon:
        assert await daemon.ended(10) == 1

    line = daemon.lines(event)[0]
    assert (line["level"], line["loop"]) == ("critical", "overrides")
    assert ("told to fail" in line.get("exception", "")) is (event == "loop_failed")
    assert daemon.lines("stopped") == []


async def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path) -> None:
    """At start, with exit code 1, in one line with the first one's process; the first continues."""
    async with scene(tmp_path) as here, here.daemon() as daemon:
        code, log = await here.refused()
        await here.calm(daemon)

    assert code == 1
    [line] = map(json.loads, log)
    assert (line["level"], line["event"]) == ("critical", "not_started")
    assert f"in use by another daemon (process {daemon.process.pid})" in line["error"]


async def test_every_line_of_its_log_is_json_with_the_ids_of_its_cycle(tmp_path: Path) -> None:
    """During a failover, an operator's order, and the end."""
    async with scene(tmp_path) as here, here.daemon() as daemon:
        await here.calm(daemon)
        await here.regions["eu-west-1"].close()
        await here.weights_are(daemon, {"eu-west-1": 0.0, "eu-central-1": 0.5, "us-east-1": 0.5})
        await _order(here, daemon.url, "kept")
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended(10) == 0

    parsed = [json.loads(line) for line in daemon.log]
    for line in parsed:
        assert {"timestamp", "level", "event", "logger"} <= set(line), line
        assert line["timestamp"].endswith("Z")
    decided = [line for line in parsed if line["event"] in ("decision", "write")]
    assert {line["event"] for line in decided} == {"decision", "write"}
    assert all(isinstance(line["cycle"], int) for line in decided)
    [write] = daemon.lines("write")
    decision = next(line for line in daemon.lines("decision") if line["changes"])
    assert write["decision_id"] == decision["decision_id"]
    assert write["cycle"] == decision["cycle"]
    assert daemon.output == []


async def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    """A marker in environment, headers, paths and an operator's texts; no output repeats it."""
    async with scene(tmp_path) as here:
        environment = {"AWS_SECRET_ACCESS_KEY": CANARY, "AWS_ACCESS_KEY_ID": SERVER_KEY}
        async with here.daemon(**environment) as daemon:
            await here.calm(daemon)
            headers = {"Authorization": f"Bearer {CANARY}", "Cookie": f"session={CANARY}"}
            shown = []
            for path in (
                "/v1/status",
                "/v1/services",
                "/v1/decisions",
                "/v1/audit",
                "/metrics",
                "/livez?verbose",
                "/readyz?verbose",
            ):
                async with here.session.get(daemon.url + path, headers=headers) as answer:
                    shown.append(await answer.text())
            await _order(here, daemon.url, f"see https://ana:{CANARY}@wiki/ token={CANARY}")
            await here.calm(daemon)
            daemon.process.send_signal(signal.SIGTERM)
            await daemon.ended(10)

    assert daemon.lines("override_set")
    for text in (*shown, *daemon.log, *daemon.output):
        assert CANARY not in text
        assert SERVER_KEY not in text


async def _order(here: Scene, url: str, reason: str) -> None:
    """A freeze by an operator; its reason is public text."""
    body = {"kind": "freeze", "reason": reason, "author": "ana", "ttl_s": 1}
    async with here.session.post(f"{url}/v1/overrides", json=body) as answer:
        assert answer.status == 201, await answer.text()


def _manager(tmp_path: Path) -> socket.socket:
    """A service manager's socket."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    manager.bind(str(tmp_path / "notify"))
    return manager


def _received(manager: socket.socket) -> list[str]:
    """All datagrams so far."""
    found: list[str] = []
    while True:
        try:
            found.append(manager.recv(4096).decode())
        except BlockingIOError:
            return found
