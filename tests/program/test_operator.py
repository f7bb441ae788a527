"""An operator's commands with a whole running daemon, in a pipe as scripts use them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

import pytest

from controller.cli import exit_codes
from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.supervisor import Supervisor
from tests.program.sandboxed import in_sandbox

pytestmark = [pytest.mark.program, pytest.mark.timeout(180)]
DEAD = "eu-west-1"


class Operator:
    """Runs `gtc` for one daemon."""

    def __init__(self, url: str, home: Path) -> None:
        self._env = {"PATH": os.environ["PATH"], "GTC_URL": url, "XDG_CONFIG_HOME": str(home)}

    async def start(self, *arguments: str) -> Process:
        """Start a command."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "controller", *arguments),
            env=self._env,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )

    async def gtc(self, *arguments: str, code: int = exit_codes.OK) -> str:
        """The output of a command; its exit code must be `code`."""
        process = await self.start(*arguments)
        out, errors = await process.communicate()
        assert process.returncode == code, errors.decode()
        return out.decode()

    async def json(self, *arguments: str) -> Any:
        """The document that a command prints."""
        return json.loads(await self.gtc(*arguments, "-o", "json"))


async def happened(process: Process, *types: str) -> dict[str, Any]:
    """The next event of these types in a stream of documents."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while line := await process.stdout.readline():
            event: dict[str, Any] = json.loads(line)
            if event["type"] in types:
                return event
    raise AssertionError("the stream ended")


async def test_a_night_with_a_dead_region_and_a_restart(tmp_path: Path) -> None:
    """Follow, wait, look back, order, extend; the stream survives the daemon's death."""

    async def play(supervisor: Supervisor, context: StoryContext) -> None:
        operator = Operator(supervisor.daemon_url, tmp_path)
        serving = ("--state", "serving", "--timeout", "40s")
        for region in (DEAD, "us-east-1", "eu-central-1"):
            await operator.gtc("wait", "--region", region, *serving)
        stream = await operator.start("events", "-f", "-o", "json", "--limit", "0")
        await asyncio.sleep(1)

        await context.break_region(DEAD, "dead")
        event = await happened(stream, "decision")
        while not any(move["after"] == 0 for move in event["data"]["moves"]):
            event = await happened(stream, "decision")
        await operator.gtc("wait", "--region", DEAD, "--state", "down", "--timeout", "20s")
        await operator.gtc("wait", "--region", DEAD, "--state", "drained", "--timeout", "60s")
        rows = (await operator.json("history", "--region", DEAD, "--since", "5m"))["items"]
        assert any("eu-west-1 46.7 % → 0 %" in row["what"] for row in rows)
        assert {row["who"] for row in rows} == {"gtc"}

        order = ("freeze", "--reason", "night", "--author", "ann", "--ttl", "10m")
        await operator.gtc(*order)
        assert (await happened(stream, "override_set"))["data"]["actor"] == "ann (local)"
        [freeze] = (await operator.json("overrides"))["items"]
        await operator.gtc("extend", str(freeze["id"]), "--ttl", "30m", "--reason", "longer")
        assert (await happened(stream, "override_extended"))["data"]["why"] == "longer"

        await context.kill_daemon()
        await context.start_daemon()
        await happened(stream, "resync")
        [kept] = (await operator.json("overrides"))["items"]
        assert kept["remaining_s"] > 20 * 60
        await operator.gtc("unfreeze", "--author", "bob")
        assert (await happened(stream, "override_ended"))["data"]["actor"] == "bob (local)"

        late = ("wait", "--region", DEAD, "--state", "up", "--timeout", "1s")
        await operator.gtc(*late, code=exit_codes.TIMEOUT)
        stream.send_signal(signal.SIGINT)
        _, errors = await stream.communicate()
        assert stream.returncode == exit_codes.INTERRUPTED
        assert "connection lost" in errors.decode()
        assert "connected again" in errors.decode()

    await in_sandbox(tmp_path, play)


async def test_a_pin_outlives_the_daemon_that_took_it(tmp_path: Path) -> None:
    """Given, awaited over the ramp's steps, kept after a kill -9, refused where impossible."""
    place = ("--service", "shop", "--pool", "world")
    order = (*place, "--reason", "canary", "--author", "ann", "--yes")

    async def play(supervisor: Supervisor, context: StoryContext) -> None:
        operator = Operator(supervisor.daemon_url, tmp_path)
        for region in (DEAD, "us-east-1", "eu-central-1"):
            serving = ("--state", "serving", "--timeout", "40s")
            await operator.gtc("wait", "--region", region, *serving)

        await operator.gtc("pin", "us-east-1", "100%", *order, code=exit_codes.REFUSED)
        output = await operator.gtc("pin", DEAD, "20%", *order, "--wait", "--timeout", "90s")
        assert "eu-west-1 is at 20 % in shop/world." in output
        assert await applied(operator) == pytest.approx(0.2, abs=0.005)
        assert "placement pin" in await operator.gtc("why", DEAD)

        await context.kill_daemon()
        await context.start_daemon()
        [kept] = (await operator.json("overrides"))["items"]
        assert (kept["kind"], kept["share"], kept["author"]) == ("pin", 0.2, "ann (local)")
        await operator.gtc("wait", "--region", DEAD, "--state", "serving", "--timeout", "40s")
        assert await applied(operator) == pytest.approx(0.2, abs=0.005)

        ended = await operator.gtc("unpin", DEAD, *place)
        assert "has ended: pin eu-west-1 at 20 % by ann (local): canary." in ended

    await in_sandbox(tmp_path, play)


async def applied(operator: Operator) -> float:
    """The share of shop/world that AWS gives the pinned region."""
    status = await operator.json("status", "--service", "shop")
    pools = {pool["name"]: pool["regions"] for pool in status["services"][0]["pools"]}
    [share] = [one["observed"] for one in pools["world"] if one["region"] == DEAD]
    return float(share)
