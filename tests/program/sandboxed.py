"""A whole sandbox for one test: real processes, on addresses that the demo does not use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from controller.sandbox import supervisor
from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.supervisor import Supervisor
from controller.settings import load
from tests.sandbox.worlds import free_port

SANDBOX = Path(__file__).parents[2] / "config" / "sandbox.yaml"


async def in_sandbox(
    tmp_path: Path,
    test: Callable[[Supervisor, StoryContext], Awaitable[None]],
    *,
    with_daemon: bool = True,
    users: int = 40,
) -> None:
    """Run a test in a sandbox that is started for it and stopped afterwards."""
    config = _own_config(tmp_path)
    options = supervisor.SandboxOptions(
        config=config,
        users=users,
        with_daemon=with_daemon,
        aws_port=0,
        aws_control_port=0,
        dns_port=0,
        control_port=0,
        state_dir=tmp_path / "state",
    )

    async def during(running: Supervisor) -> int:
        async with aiohttp.ClientSession() as session:
            await test(running, StoryContext(running, session))
        return 0

    assert await supervisor.run(options, load(config), print, during) == 0


async def aws_counts(context: StoryContext) -> Counter[str]:
    """The number of calls of each operation at the emulated AWS so far."""
    return Counter(call["operation"] for call in await context.aws_calls() if not call["code"])


def writes(counts: Counter[str]) -> int:
    """The number of calls that change traffic."""
    return counts["ChangeResourceRecordSets"] + counts["UpdateEndpointGroup"]


def _own_config(tmp_path: Path) -> Path:
    """The sandbox's configuration with other addresses and ports."""
    text = SANDBOX.read_text()
    for old, new in (
        ("127.0.10.1", "127.0.110.1"),
        ("127.0.20.1", "127.0.120.1"),
        ("127.0.30.1", "127.0.130.1"),
        ("127.0.40.1", "127.0.140.1"),
        ("127.0.50.1", "127.0.150.1"),
        ("127.0.60.1", "127.0.160.1"),
        ("127.0.90.", "127.0.190."),
        (":8080", ":18080"),
        (":9000", ":19000"),
        ("port: 8640", f"port: {free_port('127.0.0.1')}"),
        (".sandbox/gtc.sqlite", str(tmp_path / "state" / "gtc.sqlite")),
    ):
        assert old in text
        text = text.replace(old, new)
    config = tmp_path / "sandbox.yaml"
    config.write_text(text)
    return config
