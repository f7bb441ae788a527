"""A child process of the sandbox: start in a separate session, wait until ready, log, stop.

Because of the separate session, Ctrl-C in the terminal reaches the supervisor only, which then
stops its children in order. A child announces that it is ready by one JSON line on its standard
output, such as `{"ready": "aws", "url": "http://127.0.0.1:4566"}`; other output goes to its log.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from controller.sandbox.errors import SandboxError

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 1.5
"""Seconds from the first SIGTERM to SIGKILL."""
_NEXT_CHILD_AFTER_S = 0.5  # seconds to wait for one child's end before the next one gets SIGTERM
_REAPED_WITHIN_S = 0.4
_TAIL_LINES = 12


class ChildFailedError(SandboxError):
    """A child ended before it was ready or was not ready in time; the message ends with its log."""


class Child:
    """A child process with a name and a log."""

    def __init__(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], log_path: Path
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._argv = argv
        self._env = env
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process."""
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )

    async def ready(self, within_s: float = READY_WITHIN_S) -> dict[str, object]:
        """The child's announcement when it is ready. Raises ChildFailedError."""
        try:
            async with asyncio.timeout(within_s):
                return await self._announcement()
        except TimeoutError:
            late = f"{self.name} was not ready within {within_s:g} s{self.log_tail()}"
            raise ChildFailedError(late) from None

    async def run(self) -> str:
        """Copy the child's output to its log until it ends; return how it ended."""
        process = self._started
        assert process.stdout is not None
        while chunk := await process.stdout.read(65_536):
            self._write_log(chunk)
        return _ending_text(await process.wait())

    @property
    def alive(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the child and the processes that it started."""
        if self.alive:
            with suppress(ProcessLookupError):  # it ended just now
                os.killpg(self._started.pid, number)

    async def ended(self, within_s: float) -> bool:
        """Wait up to `within_s` for the end; return whether the child has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, within_s)):
                await self._started.wait()
        return not self.alive

    def log_tail(self) -> str:
        """The last lines of the log, indented, for a message."""
        if not self.log_path.exists():
            return "; it wrote nothing"
        lines = self.log_path.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return f"; the end of {self.log_path}:\n" + "\n".join(f"    {line}" for line in lines)

    def _write_log(self, output: bytes) -> None:
        with self.log_path.open("ab") as log:
            log.write(output)

    @property
    def _started(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def _announcement(self) -> dict[str, object]:
        process = self._started
        assert process.stdout is not None
        while line := await process.stdout.readline():
            announced = _json_object(line)
            if "ready" in announced:
                return announced
            self._write_log(line)
        ending = _ending_text(await process.wait())
        raise ChildFailedError(f"{self.name} {ending} before it was ready{self.log_tail()}")


async def stop_all(children: Sequence[Child]) -> None:
    """Stop children in reverse order: SIGTERM, and SIGKILL for those left after 1.5 s."""
    loop = asyncio.get_running_loop()
    kill_at = loop.time() + STOP_WITHIN_S
    running = [child for child in reversed(children) if child.alive]
    for child in running:
        child.send(signal.SIGTERM)
        await child.ended(min(_NEXT_CHILD_AFTER_S, kill_at - loop.time()))
    for child in running:
        if not await child.ended(kill_at - loop.time()):
            child.send(signal.SIGKILL)
    for child in running:
        await child.ended(_REAPED_WITHIN_S)


def _json_object(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line)
    except ValueError:  # an ordinary line of output
        return {}
    return value if isinstance(value, dict) else {}


def _ending_text(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
