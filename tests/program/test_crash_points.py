"""`kill -9` at six points of every durable action; what was acknowledged is there afterwards.

The points: before and after the intent is on disk, before and after the message goes out (the batch
to AWS, or the answer to a person), after its reply arrived, after all is done. Then a daemon is
started anew and must end where the world says, by as many writes as it takes and no more.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from controller.adapters.sqlite.store import SqliteStore, check_audit
from tests.program.lone_daemon import Daemon, Scene, scene

pytestmark = [pytest.mark.slow, pytest.mark.program, pytest.mark.timeout(120)]
CRASHING = (sys.executable, str(Path(__file__).with_name("crashing_daemon.py")))
WEST = "eu-west-1"
EVEN = {"eu-west-1": 0.333, "eu-central-1": 0.333, "us-east-1": 0.333}
WITHOUT_WEST = {"eu-west-1": 0.0, "eu-central-1": 0.5, "us-east-1": 0.5}
LESS_WEST = {"eu-west-1": 0.2, "eu-central-1": 0.4, "us-east-1": 0.4}
DRAIN = {"kind": "drain", "region": WEST, "reason": "update", "author": "ana", "ttl_s": 600}
CALM_S = 1.5
"""Three periods: a change nobody asked for would show."""

POINTS = ("before_intent", "after_intent", "before_send", "after_send", "after_reply", "after_done")
WRITE_POINTS = dict(
    zip(
        POINTS,
        ("expect:before", "expect:after", "change:before", "", "change:after", "add_record:after"),
        strict=True,
    )
)


def request_points(act: str) -> dict[str, str]:
    """The points of an operator's action; the test itself kills at the last two."""
    inside = (f"{act}:before", f"{act}:after", "answer:before", "answer:after", "", "")
    return dict(zip(POINTS, inside, strict=True))


@pytest.mark.parametrize("point", POINTS)
async def test_a_failover(tmp_path: Path, point: str) -> None:
    """A region dies and so does the daemon; the next daemon takes the region out, once."""
    async with scene(tmp_path) as here:
        async with killed_at(here, WRITE_POINTS[point]) as daemon:
            await here.calm(daemon)
            if point == "after_send":
                here.relay.on_applied = daemon.process.kill
            await here.regions[WEST].close()
            assert await daemon.ended(10) == -signal.SIGKILL
        await ends_at(here, WITHOUT_WEST, writes=1)


@pytest.mark.parametrize("point", POINTS)
async def test_an_override_is_set(tmp_path: Path, point: str) -> None:
    """If acknowledged, it is active afterwards; otherwise it is there completely or not at all."""
    async with scene(tmp_path) as here:
        async with killed_at(here, request_points("add_override")[point]) as daemon:
            await here.calm(daemon)
            acknowledged = await asked(here, daemon, "POST", "/v1/overrides", DRAIN)
            await hit(here, daemon, point, WITHOUT_WEST)
        found = await active_overrides(here)
        assert acknowledged is (point in POINTS[3:])
        assert found == ([] if point == "before_intent" else ["update"])
        await ends_at(here, WITHOUT_WEST if found else EVEN, writes=len(found))


@pytest.mark.parametrize("point", POINTS)
async def test_an_override_is_cleared(tmp_path: Path, point: str) -> None:
    """If acknowledged, it has ended afterwards, and its region serves again."""
    async with scene(tmp_path) as here:
        async with here.daemon() as daemon:
            await here.calm(daemon)
            assert await asked(here, daemon, "POST", "/v1/overrides", DRAIN)
            await here.weights_are(daemon, WITHOUT_WEST)
        async with killed_at(here, request_points("end_override")[point]) as daemon:
            await here.calm(daemon)
            acknowledged = await asked(here, daemon, "DELETE", "/v1/overrides/1")
            await hit(here, daemon, point, EVEN)
        found = await active_overrides(here)
        assert acknowledged is (point in POINTS[3:])
        assert found == (["update"] if point == "before_intent" else [])
        await ends_at(here, WITHOUT_WEST if found else EVEN, writes=1 if found else 2)


@pytest.mark.parametrize("point", POINTS)
async def test_settings_are_reloaded(tmp_path: Path, point: str) -> None:
    """Whatever the killed daemon knew, the next one uses the file, once."""
    async with scene(tmp_path) as here:
        async with killed_at(here, request_points("audit")[point]) as daemon:
            await here.calm(daemon)
            settings = json.loads(here.config.read_text())
            settings["services"]["shop"]["regions"][WEST]["share"] = 0.5
            here.config.write_text(json.dumps(settings))
            acknowledged = await asked(here, daemon, "POST", "/v1/reload", {})
            await hit(here, daemon, point, LESS_WEST)
        assert acknowledged is (point in POINTS[3:])
        await ends_at(here, LESS_WEST, writes=1)


def killed_at(here: Scene, crash_at: str) -> AbstractAsyncContextManager[Daemon]:
    """A daemon that kills itself at this point, or an ordinary one if the test kills it."""
    return here.daemon(CRASHING, CRASH_AT=crash_at) if crash_at else here.daemon()


async def asked(
    here: Scene, daemon: Daemon, method: str, path: str, body: Mapping[str, Any] | None = None
) -> bool:
    """Whether a complete answer came, with success."""
    with suppress(aiohttp.ClientError):
        async with here.session.request(method, daemon.url + path, json=body) as answer:
            text = await answer.text()
            assert answer.status in (200, 201), text
            return True
    return False


async def hit(here: Scene, daemon: Daemon, point: str, wanted: Mapping[str, float]) -> None:
    """Kill it from outside at the points of the test; return when it is dead."""
    if point == "after_reply":
        daemon.process.kill()
    elif point == "after_done":
        await here.weights_are(daemon, wanted)
        daemon.process.kill()
    assert await daemon.ended(10) == -signal.SIGKILL


async def active_overrides(here: Scene) -> list[str]:
    """Reasons of the active overrides in the state file."""
    async with SqliteStore(Path(here.settings.state_path)) as store:
        return [override.reason for override in await store.overrides()]


async def ends_at(here: Scene, wanted: Mapping[str, float], *, writes: int) -> None:
    """Start a daemon again; it ends in this state, calm, without drift, after this many writes."""
    async with here.daemon() as daemon:
        await here.weights_are(daemon, wanted)
        await here.calm(daemon)
        await asyncio.sleep(CALM_S)
        status = await here.get(daemon, "/v1/status")
        assert await here.shares(daemon) == wanted
        assert here.relay.writes == writes
        regions = [r for s in status["services"] for p in s["pools"] for r in p["regions"]]
        assert [region["drift"] for region in regions] == [None] * len(regions)
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended(10) == 0
        assert [line for line in map(json.loads, daemon.log) if "drift" in str(line)] == []
    assert check_audit(Path(here.settings.state_path)).ok
