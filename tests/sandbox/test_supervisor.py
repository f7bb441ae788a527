"""The supervisor with tiny children: a fake `controller` package in the working directory."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.sandbox import supervisor as module
from controller.sandbox.supervisor import SandboxOptions, Supervisor, run
from tests.sandbox.worlds import free_port, region, service, settings
from tests.stopwatch import Stopwatch

CHILD = """
import json, os, pathlib, signal, sys, time
name = "daemon" if sys.argv[1] == "run" else sys.argv[3]
seen = {"argv": sys.argv[1:], "aws": {k: v for k, v in os.environ.items() if k.startswith("AWS_")}}
pathlib.Path(f"{name}.json").write_text(json.dumps(seen))
if pathlib.Path(f"{name}.fails").exists():
    sys.exit(f"{name} cannot start")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
urls = {"url": f"http://{name}", "dns": "127.0.0.1:53", "control": "http://control"}
print(json.dumps({"ready": name, **urls}), flush=True)
if name != "seed":
    time.sleep(60)
"""


class TinySandbox:
    """A working directory with tiny children, and all printed lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self.spoken = asyncio.Event()
        (path / "controller").mkdir()
        (path / "controller" / "__init__.py").touch()
        (path / "controller" / "__main__.py").write_text(CHILD)
        web = {"eu-west-1": region(f"tcp://127.0.76.1:{free_port('127.0.76.1')}")}
        raw = settings({"shop": service(web)}).model_dump() | {"api": {"port": 0}}
        self.settings = type(settings({"shop": service(web)})).model_validate(raw)
        self.options = SandboxOptions(
            Path("my.yaml"), aws_port=0, aws_control_port=0, dns_port=0, control_port=0
        )

    async def run(self, during: Callable[[Supervisor], object]) -> int:
        """Run the sandbox with `during` as its story."""

        async def play(supervisor: Supervisor) -> int:
            result = during(supervisor)
            if asyncio.iscoroutine(result):
                await result
            return 0

        return await run(self.options, self.settings, self._say, play)

    def _say(self, text: str) -> None:
        self.said.append(text)
        self.spoken.set()

    def read(self, name: str) -> str:
        return (self.path / name).read_text()

    def write(self, name: str, text: str = "") -> None:
        (self.path / name).parent.mkdir(exist_ok=True)
        (self.path / name).write_text(text)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinySandbox:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_PROFILE", "production")
    return TinySandbox(tmp_path)


async def test_a_story_that_passes_ends_with_zero_and_leaves_no_process(stage: TinySandbox) -> None:
    """All children run while the story plays, and end within two seconds after it."""
    alive: dict[str, bool] = {}
    ending = Stopwatch()

    def during(supervisor: Supervisor) -> None:
        alive.update(supervisor.alive())
        ending.start()

    assert await stage.run(during) == 0
    assert ending.stop() < 2
    assert alive == {"aws": True, "world": True, "daemon": True}
    assert stage.said == []


async def test_children_get_the_environment_they_need_and_no_other(stage: TinySandbox) -> None:
    """AWS clients get the emulated AWS; no child gets the caller's account."""
    await stage.run(lambda supervisor: None)
    for name in ("seed", "daemon"):
        assert '"AWS_ENDPOINT_URL": "http://aws"' in stage.read(f"{name}.json")
        assert "production" not in stage.read(f"{name}.json")
    for name in ("aws", "world"):
        assert '"aws": {}' in stage.read(f"{name}.json")
    assert '"--dns", "127.0.0.1:53"' in stage.read("world.json")
    assert "AWS_ENDPOINT_URL=http://aws" in stage.read(".sandbox/environment.sh")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)]
)
async def test_signals_stop_everything(
    stage: TinySandbox, number: signal.Signals, code: int
) -> None:
    """Ctrl-C gives 130, SIGTERM and SIGHUP give 0, all without a traceback and within 2 s."""
    children: dict[str, bool] = {}

    async def during(supervisor: Supervisor) -> None:
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), number)
        children.update(supervisor.alive())
        await asyncio.sleep(60)

    assert await stage.run(during) == code
    assert all(children.values())


async def test_a_child_that_dies_is_reported_and_not_started_again(stage: TinySandbox) -> None:
    """By name, with its exit code and what to do; the others continue."""

    async def during(supervisor: Supervisor) -> None:
        supervisor.child("daemon").send(signal.SIGKILL)
        async with asyncio.timeout(5):
            await stage.spoken.wait()
        assert supervisor.alive() == {"aws": True, "world": True, "daemon": False}

    assert await stage.run(during) == 0
    (said,) = stage.said
    assert said.startswith("daemon was ended by SIGKILL")
    assert ". .sandbox/environment.sh && gtc run my.yaml" in said


@pytest.mark.parametrize("name", ["aws", "seed", "world", "daemon"])
async def test_a_child_that_does_not_come_up_ends_the_sandbox(
    stage: TinySandbox, name: str
) -> None:
    """Exit code 1, and the end of its log shows why."""
    stage.write(f"{name}.fails")
    assert await stage.run(lambda supervisor: pytest.fail("it should not get so far")) == 1
    assert stage.said == [
        f"{name} ended with exit code 1 before it was ready; "
        f"the end of .sandbox/{name}.log:\n    {name} cannot start"
    ]


async def test_without_the_daemon_the_rest_runs(stage: TinySandbox) -> None:
    """So that a user can start the daemon."""
    stage.options = SandboxOptions(
        Path("my.yaml"),
        with_daemon=False,
        aws_port=0,
        aws_control_port=0,
        dns_port=0,
        control_port=0,
    )
    alive: dict[str, bool] = {}
    await stage.run(lambda supervisor: alive.update(supervisor.alive()))
    assert alive == {"aws": True, "world": True}


async def test_a_port_in_use_stops_it_before_anything_is_wiped(stage: TinySandbox) -> None:
    """A second start does not touch the running sandbox's state."""
    stage.write(".sandbox/gtc.sqlite", "precious")
    with socket.create_server((module.HOST, 0)) as server:
        port = server.getsockname()[1]
        stage.options = SandboxOptions(
            Path("my.yaml"), aws_port=port, aws_control_port=0, dns_port=0, control_port=0
        )
        assert await stage.run(lambda supervisor: pytest.fail("it should not get so far")) == 1
    assert f"127.0.0.1:{port} (the emulated AWS) is in use" in stage.said[0]
    assert stage.read(".sandbox/gtc.sqlite") == "precious"


async def test_a_daemon_that_asks_for_tokens_stops_it_before_anything_is_wiped(
    stage: TinySandbox,
) -> None:
    """All reports of its users would be refused, and ramps would wait for them."""
    token = {"name": "ci", "role": "operator", "sha256": "a" * 64}
    raw = stage.settings.model_dump() | {"api": {"port": 0, "tokens": [token]}}
    stage.settings = type(stage.settings).model_validate(raw)
    stage.write(".sandbox/world.log", "of yesterday")

    assert await stage.run(lambda _: pytest.fail("it must not come up")) == 1
    [said] = stage.said
    assert said.startswith("api.tokens is set, but the sandbox's users, status and stories call")
    assert "leave api.tokens out of my.yaml" in said
    assert stage.read(".sandbox/world.log") == "of yesterday"


async def test_each_sandbox_begins_fresh(stage: TinySandbox) -> None:
    """The state of an earlier one is deleted."""
    stage.write(".sandbox/gtc.sqlite", "old")
    await stage.run(lambda supervisor: None)
    with pytest.raises(FileNotFoundError):
        stage.read(".sandbox/gtc.sqlite")


async def test_a_story_that_fails_gives_its_reason(stage: TinySandbox) -> None:
    """The text of a SandboxError, without a traceback."""

    async def during(supervisor: Supervisor) -> None:
        supervisor.child("moon")

    assert await stage.run(during) == 1
    assert stage.said == ["no child is called 'moon'"]


async def test_a_reader_that_leaves_ends_the_sandbox_quietly(stage: TinySandbox) -> None:
    """As in `gtc sandbox run | head`: exit code 1, no traceback."""

    async def during(supervisor: Supervisor) -> None:
        raise BrokenPipeError

    assert await stage.run(during) == 1
    assert stage.said == []
