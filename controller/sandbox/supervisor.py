"""The supervisor of the sandbox: checks addresses, starts child processes in order, stops them.

Order matters twice: the AWS resources are seeded before the daemon reads them, and regions answer
before the daemon first probes them. A child that dies is not started again, because killing one is
what users try here; its end is reported with the end of its log. `run` takes as a function what
happens while all are up: the live status or a story.
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
from controller.sandbox.preflight import (
    RequiredAddress,
    check,
    check_api_is_open,
    required_addresses,
)
from controller.sandbox.processes import Child, stop_all

HOST = "127.0.0.1"
INTERRUPTED = 130
_SEED_ENDS_WITHIN_S = 5.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """What to run, and the ports on 127.0.0.1 (0: any free port)."""

    config: Path
    users: int = 200
    with_daemon: bool = True
    aws_port: int = 4566
    aws_control_port: int = 4567
    dns_port: int = 10053
    control_port: int = 4580
    state_dir: Path = Path(".sandbox")


class Supervisor:
    """The child processes of one sandbox, and their addresses once `start` has returned."""

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
        """The file that a shell reads to use the emulated AWS."""
        return self.options.state_dir / "environment.sh"

    def alive(self) -> dict[str, bool]:
        """Child by name to whether it runs."""
        return {child.name: child.alive for child in self._children}

    def child(self, name: str) -> Child:
        """The child of this name, for stories that kill it. Raises SandboxError."""
        for child in self._children:
            if child.name == name:
                return child
        raise SandboxError(f"no child is called {name!r}", tuple(self.alive()))

    async def start(self) -> None:
        """Start all children. Raises SandboxError, with the end of a log, if one does not start."""
        check_api_is_open(self.settings, str(self.options.config))
        check(all_required_addresses(self.options, self.settings))
        self._clear_state_dir()
        await self._start_aws()
        await self._seed()
        await self._start_world()
        if self.options.with_daemon:
            await self.start_daemon()

    async def start_daemon(self) -> None:
        """Start the daemon, also again after it has ended."""
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
        announced = await self._start("aws", ["sandbox", "child", "aws", *_flatten(ports)])
        self.aws_url, self.dns = str(announced["url"]), str(announced["dns"])
        self.aws_control_url = str(announced["control"])
        variables = sandbox_variables(self.aws_url) | name_server_variables(self.dns)
        self.environment_file.write_text(as_shell(variables))

    async def _seed(self) -> None:
        await self._start("seed", ["sandbox", "child", "seed", str(self.options.config)])
        # Its work is done, so its end is not reported.
        await self._children.pop().ended(_SEED_ENDS_WITHIN_S)

    async def _start_world(self) -> None:
        options = self.options
        arguments: dict[str, object] = {
            "--port": options.control_port,
            "--dns": self.dns,
            "--daemon-url": self.daemon_url,
            "--users": options.users,
        }
        world = ["sandbox", "child", "world", str(options.config), *_flatten(arguments)]
        self.world_url = str((await self._start("world", world))["url"])

    async def _start(self, name: str, arguments: list[str]) -> dict[str, object]:
        child = self._new_child(name, arguments)
        self._children = [known for known in self._children if known.name != name] + [child]
        await child.start()
        announced = await child.ready()
        self._tasks.create_task(self._log_until_end(child))
        return announced

    def _new_child(self, name: str, arguments: list[str]) -> Child:
        environment = without_aws(os.environ)
        if name in ("seed", "daemon"):
            environment |= sandbox_variables(self.aws_url) | name_server_variables(self.dns)
        log_path = self.options.state_dir / f"{name}.log"
        return Child(name, [sys.executable, "-m", "controller", *arguments], environment, log_path)

    async def _log_until_end(self, child: Child) -> None:
        ending = await child.run()
        if not self._stopping and child in self._children:
            self.say(f"{child.name} {ending}{child.log_tail()}\n{self._advice(child.name)}")

    def _advice(self, name: str) -> str:
        if name != "daemon":
            return f"The sandbox goes on without {name}; Ctrl-C and a new start bring it back."
        return (
            "Traffic stays where it is. Another daemon can take its place:\n"
            f"    . {self.environment_file} && gtc run {self.options.config}"
        )

    def _clear_state_dir(self) -> None:
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
    """Start the sandbox, await `during`, stop the sandbox; return the exit code.

    The code is `during`'s result; 130 after Ctrl-C; 0 after SIGTERM or SIGHUP; 1 when a child did
    not start or `during` raised SandboxError, whose text is shown.
    """
    async with asyncio.TaskGroup() as tasks:
        supervisor = Supervisor(options, settings, say, tasks)
        work = tasks.create_task(_start_and_run(supervisor, during))
        with _signals_cancel(work) as received:
            try:
                await asyncio.wait({work})
            finally:
                await supervisor.stop()
    if received:
        return INTERRUPTED if received[0] is signal.SIGINT else 0
    return work.result()


async def _start_and_run(
    supervisor: Supervisor, during: Callable[[Supervisor], Awaitable[int]]
) -> int:
    try:
        await supervisor.start()
        return await during(supervisor)
    except SandboxError as error:
        supervisor.say(str(error))
        return 1
    except BrokenPipeError:  # the reader of our output has ended, as in `… | head`
        return 1


@contextmanager
def _signals_cancel(work: asyncio.Task[int]) -> Iterator[list[signal.Signals]]:
    """A context in which SIGINT, SIGTERM and SIGHUP cancel `work`; the list receives them."""
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


def all_required_addresses(options: SandboxOptions, settings: Settings) -> list[RequiredAddress]:
    """All addresses of the sandbox, each with a remedy."""
    config = str(options.config)
    found = [
        RequiredAddress(SOCK_STREAM, HOST, options.aws_port, "the emulated AWS", "give --aws-port"),
        RequiredAddress(
            SOCK_STREAM, HOST, options.aws_control_port, "AWS control", "give --aws-control-port"
        ),
        RequiredAddress(SOCK_STREAM, HOST, options.dns_port, "its DNS over TCP", "give --dns-port"),
        RequiredAddress(SOCK_DGRAM, HOST, options.dns_port, "its DNS over UDP", "give --dns-port"),
        RequiredAddress(
            SOCK_STREAM, HOST, options.control_port, "sandbox control", "give --control-port"
        ),
        *required_addresses(settings, config),
    ]
    if options.with_daemon:
        api = settings.api
        found.append(
            RequiredAddress(SOCK_STREAM, api.host, api.port, "daemon", f"set api.port in {config}")
        )
    return found


def _flatten(arguments: Mapping[str, object]) -> list[str]:
    return [str(text) for pair in arguments.items() for text in pair]
