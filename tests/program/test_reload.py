"""Reloading a daemon process: by signal, by command, refused, and killed in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from controller.cli import exit_codes
from tests.program.killed_in_reload import POINTS
from tests.program.lone_daemon import GTC, Daemon, Scene, scene

pytestmark = [pytest.mark.slow, pytest.mark.program, pytest.mark.timeout(120)]
KILLED = (sys.executable, "-m", "tests.program.killed_in_reload", "run")
ROOT = Path(__file__).parents[2]
REASON = "INC-42"
TWO_LOSE = {"eu-west-1": 4.0}
ONE_LOSES = {"us-east-1": 0.0}


def edit(here: Scene, **changes: Any) -> None:
    """Change keys of the file; `shares` are of regions."""
    data = json.loads(here.config.read_text())
    for region, share in changes.pop("shares", {}).items():
        data["services"]["shop"]["regions"][region]["share"] = share
    here.config.write_text(json.dumps(data | changes))


async def gtc(daemon: Daemon, *arguments: str) -> tuple[int | None, str]:
    """Exit code and output of a command that calls the daemon."""
    process = await asyncio.create_subprocess_exec(
        *GTC[:-1],
        *arguments,
        env={**os.environ, "GTC_URL": daemon.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def metric(here: Scene, daemon: Daemon, name: str) -> float:
    async with here.session.get(f"{daemon.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


async def test_a_signal_reloads_and_a_bad_file_keeps_the_last_good_one(tmp_path: Path) -> None:
    """The metric says which; the daemon continues with its settings."""
    async with scene(tmp_path) as here, here.daemon() as daemon:
        await here.calm(daemon)
        good = here.config.read_text()
        before = (await here.get(daemon, "/v1/status"))["settings_hash"]
        here.config.write_text(good.replace('"capacity_rps": 300', '"capacity_rps": "lots"', 1))
        daemon.process.send_signal(signal.SIGHUP)
        await here.until(lambda: _is(here, daemon, 0))
        assert (await here.get(daemon, "/v1/status"))["settings_hash"] == before
        (line,) = daemon.lines("reload_failed")
        assert "capacity_rps must be a number" in line["problems"][0]

        here.config.write_text(good.replace('"capacity_rps": 300', '"capacity_rps": 301', 1))
        daemon.process.send_signal(signal.SIGHUP)
        await here.until(lambda: _is(here, daemon, 1))
        assert (await here.get(daemon, "/v1/status"))["settings_hash"] != before
        record = (await here.get(daemon, "/v1/decisions?limit=1"))["items"][0]
        assert record["trigger"][0].startswith("settings reloaded by SIGHUP: ~ services.shop")

    assert here.relay.writes == 0


async def test_the_command_shows_asks_to_accept_and_reloads(tmp_path: Path) -> None:
    """Environment, secrets and file are read by the daemon."""
    async with scene(tmp_path) as here, here.daemon(GTC__CYCLE__PERIOD_S="0.4") as daemon:
        await here.calm(daemon)
        edit(here, shares=TWO_LOSE)
        code, output = await gtc(daemon, "reload")
        assert code == exit_codes.REFUSED
        assert "~ services.shop.regions.eu-west-1.share: 1 → 4" in output
        assert "cycle.period_s" not in output
        assert "2 regions would lose traffic: eu-central-1, us-east-1" in output
        accept = output.split("by its hash, ")[1].split()[0]
        code, output = await gtc(daemon, "reload", "--accept", accept)
        assert code == exit_codes.OK, output
        await here.weights_are(
            daemon, {"eu-west-1": 0.667, "eu-central-1": 0.167, "us-east-1": 0.167}
        )

        edit(here, state_path="/elsewhere")
        code, output = await gtc(daemon, "reload", "--dry-run")
        assert code == exit_codes.REFUSED
        assert "these keys need a restart: state_path" in output


@pytest.mark.parametrize("point", POINTS)
async def test_kill_9_in_the_middle_of_a_reload_loses_nothing(tmp_path: Path, point: str) -> None:
    """The next process reads the whole file; overrides stay, and only the file moves traffic."""
    async with scene(tmp_path) as here:
        async with here.daemon(KILLED, KILL_AT=point, PYTHONPATH=str(ROOT)) as daemon:
            await here.calm(daemon)
            order = {"kind": "freeze", "reason": REASON, "ttl_s": 600}
            async with here.session.post(f"{daemon.url}/v1/overrides", json=order) as answer:
                assert answer.status == 201
            edit(here, shares=ONE_LOSES)
            with pytest.raises(aiohttp.ClientError):
                await here.session.post(f"{daemon.url}/v1/reload", json={})
            assert await daemon.ended(5) == -signal.SIGKILL
        assert here.relay.writes == 0  # frozen: what the reload wanted was held

        async with here.daemon() as daemon:
            await here.until(lambda: _has_a_cycle(here, daemon))
            overrides = (await here.get(daemon, "/v1/overrides"))["items"]
            assert [(o["kind"], o["reason"]) for o in overrides] == [("freeze", REASON)]
            assert (await here.get(daemon, "/v1/audit/check"))["faults"] == []
            services = (await here.get(daemon, "/v1/services/shop"))["regions"]
            assert services["us-east-1"]["share"] == 0
            assert here.relay.writes == 0


async def _is(here: Scene, daemon: Daemon, wanted: int) -> bool:
    return await metric(here, daemon, "gtc_config_last_reload_successful") == wanted


async def _has_a_cycle(here: Scene, daemon: Daemon) -> bool:
    return bool((await here.get(daemon, "/v1/status"))["cycle"])
