"""Runs the whole sandbox: checks addresses, starts the children in order, and stops them again.

Order matters twice: the AWS tree is seeded before anybody reads it, and regions answer before the
daemon first asks them. A child that dies is not started again, since killing one is a thing people
come here to try; its death is told with the end of its log. What happens while all are up is not
this module's: `run` takes it as a function (a live status, or a story).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import SOCK_DGRAM, SOCK_STREAM

from controller.model.configuration import Settings
from controller.sandbox.environment import (
    as_shell,
    name_server_variables,
    sandbox_variables,
    without_aws,
)
from controller.sandbox.errors import SandboxError
from controller.sandbox.preflight import Need, check, check_open, needs_of_settings
from controller.sandbox.processes import Child, stop_all

HOST = "127.0.0.1"
INTERRUPTED = 130
_SEED_ENDS_WITHIN_S = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What to run, and on which ports of 127.0.0.1 (0: any free one)."""

    config: Path
    users: int = 200
    with_daemon: bool = True
    aws_port: int = 4566
    aws_control_port: int = 4567
    dns_port: int = 10053
    control_port: int = 4580
    state_dir: Path = Path(".sandbox")


class Supervisor:
    """The children of one sandbox, and where to reach them once `start` has returned."""

    def __init__(
        self, options: SandboxOptions, settings: Settings, say: Say, tasks: asyncio.TaskGroup
    ) -> None:
        self.options = options
        self.settings = settings
        self.say = say
        self.aws_url = ""
        self.aws_control_url = ""
        self.dns = ""
        self.world_url = ""
        self.daemon_url = f"http://{settings.api.host}:{settings.api.port}"
        self._tasks = tasks
        self._children: list[Child] = []
        self._stopping = False

    @property
    def environment_file(self) -> Path:
        """For a shell that is to talk to the emulated AWS."""
        return self.options.state_dir / "environment.sh"

    def alive(self) -> dict[str, bool]:
        """Which children run."""
        return {child.name: child.alive for child in self._children}

    def child(self, name: str) -> Child:
        """A child by name, for those who want to hurt it."""
        for child in self._children:
            if child.name == name:
                return child
        raise SandboxError(f"no child is called {name!r}", tuple(self.alive()))

    async def start(self) -> None:
        """Start everything; SandboxError, with the end of a log, if a child does not come up."""
        check_open(self.settings, str(self.options.config))
        check(needs(self.options, self.settings))
        self._wipe()
        await self._start_aws()
        await self._seed()
        await self._start_world()
        if self.options.with_daemon:
            await self.start_daemon()

    async def start_daemon(self) -> None:
        """Start the daemon, or another one after it has ended."""
        announced = await self._start("daemon", ["run", str(self.options.config)])
        self.daemon_url = str(announced["url"])

    async def stop(self) -> None:
        """Stop every child, last started first, within 2 s."""
        self._stopping = True
        await stop_all(self._children)

    async def _start_aws(self) -> None:
        options = self.options
        ports = {
            "--port": options.aws_port,
            "--control-port": options.aws_control_port,
            "--dns-port": options.dns_port,
        }
        announced = await self._start("aws", ["sandbox", "child", "aws", *_flat(ports)])
        self.aws_url, self.dns = str(announced["url"]), str(announced["dns"])
        self.aws_control_url = str(announced["control"])
        variables = sandbox_variables(self.aws_url) | name_server_variables(self.dns)
        self.environment_file.write_text(as_shell(variables))

    async def _seed(self) -> None:
        await self._start("seed", ["sandbox", "child", "seed", str(self.options.config)])
        # Its work is done: that it ends now is no news, so it is no longer among those tended.
        await self._children.pop().ended(_SEED_ENDS_WITHIN_S)

    async def _start_world(self) -> None:
        options = self.options
        arguments: dict[str, object] = {
            "--port": options.control_port,
            "--dns": self.dns,
            "--daemon-url": self.daemon_url,
            "--users": options.users,
        }
        world = ["sandbox", "child", "world", str(options.config), *_flat(arguments)]
        self.world_url = str((await self._start("world", world))["url"])

    async def _start(self, name: str, arguments: list[str]) -> dict[str, object]:
        child = self._new_child(name, arguments)
        self._children = [known for known in self._children if known.name != name] + [child]
        await child.start()
        announced = await child.ready()
        self._tasks.create_task(self._tend(child))
        return announced

    def _new_child(self, name: str, arguments: list[str]) -> Child:
        environment = without_aws(os.environ)
        if name in ("seed", "daemon"):
            environment |= sandbox_variables(self.aws_url) | name_server_variables(self.dns)
        log_path = self.options.state_dir / f"{name}.log"
        return Child(name, [sys.executable, "-m", "controller", *arguments], environment, log_path)

    async def _tend(self, child: Child) -> None:
        ending = await child.run()
        if not self._stopping and child in self._children:
            self.say(f"{child.name} {ending}{child.tail()}\n{self._what_now(child.name)}")

    def _what_now(self, name: str) -> str:
        if name != "daemon":
            return f"The sandbox goes on without {name}; Ctrl-C and a new start bring it back."
        return (
            "Traffic stays where it is. Another daemon can take its place:\n"
            f"    . {self.environment_file} && gtc run {self.options.config}"
        )

    def _wipe(self) -> None:
        state_dir = self.options.state_dir
        if state_dir.exists():
            shutil.rmtree(state_dir)
        state_dir.mkdir(parents=True)


async def run(
    options: SandboxOptions,
    settings: Settings,
    say: Say,
    during: Callable[[Supervisor], Awaitable[int]],
) -> int:
    """Start the sandbox, do `during`, stop the sandbox; the exit code.

    It is `during`'s result; 130 after Ctrl-C; 0 after SIGTERM or SIGHUP, which ask for just that;
    1 when a child did not come up. `during` may raise SandboxError, which is told and gives 1.
    """
    async with asyncio.TaskGroup() as tasks:
        supervisor = Supervisor(options, settings, say, tasks)
        work = tasks.create_task(_work(supervisor, during))
        with _signals_cancel(work) as received:
            try:
                await asyncio.wait({work})
            finally:
                await supervisor.stop()
    if received:
        return INTERRUPTED if received[0] is signal.SIGINT else 0
    return work.result()


async def _work(supervisor: Supervisor, during: Callable[[Supervisor], Awaitable[int]]) -> int:
    try:
        await supervisor.start()
        return await during(supervisor)
    except SandboxError as error:
        supervisor.say(str(error))
        return 1
    except BrokenPipeError:  # whoever read our output has gone, as in `… | head`
        return 1


@contextmanager
def _signals_cancel(work: asyncio.Task[int]) -> Iterator[list[signal.Signals]]:
    """While inside, signals that ask to stop cancel `work`; the list says which came."""
    loop = asyncio.get_running_loop()
    received: list[signal.Signals] = []

    def note(number: signal.Signals) -> None:
        received.append(number)
        work.cancel()

    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in watched:
        loop.add_signal_handler(number, note, number)
    try:
        yield received
    finally:
        for number in watched:
            loop.remove_signal_handler(number)


def needs(options: SandboxOptions, settings: Settings) -> list[Need]:
    """Every address the sandbox takes, with the way to choose another."""
    config = str(options.config)
    found = [
        Need(SOCK_STREAM, HOST, options.aws_port, "the emulated AWS", "give --aws-port"),
        Need(SOCK_STREAM, HOST, options.aws_control_port, "AWS control", "give --aws-control-port"),
        Need(SOCK_STREAM, HOST, options.dns_port, "its DNS over TCP", "give --dns-port"),
        Need(SOCK_DGRAM, HOST, options.dns_port, "its DNS over UDP", "give --dns-port"),
        Need(SOCK_STREAM, HOST, options.control_port, "sandbox control", "give --control-port"),
        *needs_of_settings(settings, config),
    ]
    if options.with_daemon:
        api = settings.api
        found.append(Need(SOCK_STREAM, api.host, api.port, "daemon", f"set api.port in {config}"))
    return found


def _flat(arguments: Mapping[str, object]) -> list[str]:
    return [str(text) for pair in arguments.items() for text in pair]
