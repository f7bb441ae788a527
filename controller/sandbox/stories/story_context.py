"""What a story can do and see: the daemon, the world, the emulated AWS, and an operator's shell.

A story does not trust the daemon's report alone: it sees traffic in DNS answers and in the users'
requests, and writes in the emulated AWS's log. Only the reasons come from the daemon.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from controller.sandbox.regular_work import ticks
from controller.sandbox.supervisor import Supervisor
from controller.sandbox.world.dns_client import DnsClient, NoAnswerError

_CHECK_EVERY_S = 0.25
_KILLED_WITHIN_S = 5.0
_DEADLINE = aiohttp.ClientTimeout(total=3.0)

StoryCheck = Callable[[], Awaitable[str | None]]
"""Returns a text when its condition holds, None while it does not yet."""


class StepFailedError(Exception):
    """A step that had to happen did not."""


class StoryContext:
    """The actions and observations of a story."""

    def __init__(self, supervisor: Supervisor, session: aiohttp.ClientSession) -> None:
        self.settings = supervisor.settings
        self._supervisor = supervisor
        self._session = session
        host, _, port = supervisor.dns.rpartition(":")
        self._dns = DnsClient(host, int(port))
        self._started = self.now()

    def now(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        """Seconds since 1970, as in the emulated AWS's log of calls."""
        return time.time()

    async def pause(self, seconds: float) -> None:
        """Wait for this number of seconds."""
        await asyncio.sleep(seconds)

    def say(self, text: str) -> None:
        """Print one line, with the seconds since the story began."""
        self._supervisor.say(f"{self.now() - self._started:6.1f} s  {text}")

    async def expect(self, what: str, check: StoryCheck, within_s: float) -> None:
        """Wait until the check returns a text, and print it. Raises StepFailedError if too late."""
        self.say(f"… {what}")
        started = self.now()
        async for _ in ticks(_CHECK_EVERY_S):
            result = await check()
            if result is not None:
                self.say(f"✓ {result} ({self.now() - started:.1f} s)")
                return
            if self.now() - started > within_s:
                raise StepFailedError(f"{what}: did not happen within {within_s:g} s")

    def check(self, holds: bool, what: str) -> None:
        """Print `what` if the condition holds. Raises StepFailedError if it does not."""
        if not holds:
            raise StepFailedError(f"is not so: {what}")
        self.say(f"✓ {what}")

    async def break_region(self, region: str, how: str) -> None:
        """Break a region of the world."""
        self.say(f"! {region} breaks: {how}")
        await self._post(f"{self._supervisor.world_url}/break", {"region": region, "how": how})

    async def heal(self, region: str) -> None:
        """Heal a region of the world."""
        self.say(f"! {region} is well again")
        await self._post(f"{self._supervisor.world_url}/heal", {"region": region})

    async def fault(self, name: str, **parameters: object) -> None:
        """Begin a fault of the emulated AWS."""
        limits = ", ".join(f"{key} {value}" for key, value in parameters.items())
        self.say(f"! fault {name}{': ' if limits else ''}{limits}")
        await self._post(self._faults_url, {"name": name, **parameters})

    async def clear_faults(self) -> None:
        """End every fault of the emulated AWS."""
        self.say("! all faults end")
        async with self._session.delete(self._faults_url, timeout=_DEADLINE) as response:
            response.raise_for_status()

    async def faults(self) -> list[dict[str, Any]]:
        """The active faults."""
        found: list[dict[str, Any]] = (await self._get(self._faults_url))["active"]
        return found

    async def kill_daemon(self) -> None:
        """Kill the daemon (SIGKILL). Raises StepFailedError if it does not end."""
        self.say("! the daemon is killed")
        child = self._supervisor.child("daemon")
        child.send(signal.SIGKILL)
        if not await child.ended(_KILLED_WITHIN_S):
            raise StepFailedError("the daemon does not end")

    async def start_daemon(self) -> None:
        """Start another daemon on the same state."""
        self.say("! another daemon starts")
        await self._supervisor.start_daemon()

    async def daemon(self, path: str) -> Any:
        """The JSON response of the daemon's API."""
        return await self._get(f"{self._supervisor.daemon_url}{path}")

    async def daemon_text(self, path: str) -> str:
        """The text response of the daemon's API."""
        url = f"{self._supervisor.daemon_url}{path}"
        async with self._session.get(url, timeout=_DEADLINE) as response:
            return await response.text()

    async def aws_calls(self) -> list[dict[str, Any]]:
        """The recent calls that the emulated AWS answered."""
        answer = await self._get(f"{self._supervisor.aws_control_url}/_emulator/calls")
        found: list[dict[str, Any]] = answer["recent"]
        return found

    async def users(self, window_s: int) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
        """(service, pool) to region to what the users measured in the last `window_s` seconds."""
        answer = await self._get(f"{self._supervisor.world_url}/users?window_s={window_s}")
        found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        for item in answer["split"]:
            found.setdefault((item["service"], item["pool"]), {})[item["region"]] = item
        return found

    async def answers(self, name: str, country: str, times: int = 20) -> set[str]:
        """The addresses that the name server answers to users in a country, in several queries."""
        try:
            found = [await self._dns.ask(name, country) for _ in range(times)]
        except NoAnswerError:  # the name is not served yet, or not at all
            return set()
        return {answer.address for answer in found if answer.address is not None}

    async def gtc(self, *arguments: str) -> str:
        """The output of a `gtc` command. Raises StepFailedError when it fails."""
        self.say(f"$ gtc {' '.join(arguments)}")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "controller",
            *arguments,
            env={**os.environ, "GTC_URL": self._supervisor.daemon_url, "NO_COLOR": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        text = output.decode()
        self._supervisor.say("\n".join(f"          {line}" for line in text.splitlines()))
        if process.returncode:
            raise StepFailedError(f"gtc {arguments[0]} ended with {process.returncode}")
        return text

    async def _get(self, url: str) -> Any:
        async with self._session.get(url, timeout=_DEADLINE) as response:
            return await response.json()

    @property
    def _faults_url(self) -> str:
        return f"{self._supervisor.aws_control_url}/_emulator/faults"

    async def _post(self, url: str, body: dict[str, Any]) -> None:
        async with self._session.post(url, json=body, timeout=_DEADLINE) as response:
            if response.status >= 400:
                raise StepFailedError(f"{url}: {response.status} {await response.text()}")
