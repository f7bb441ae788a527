"""The status that the sandbox shows while it runs: regions, child processes, and users' traffic.

Pure functions make the text; `show_status` reads the state once a second. A terminal is redrawn in
place; other output gets one line every five seconds and one at every change.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from controller.planning.account.columns import aligned
from controller.sandbox.regular_work import ticks
from controller.sandbox.supervisor import Supervisor

_LINE_EVERY = 5  # seconds between lines while nothing changes
_DEADLINE_S = 0.8


@dataclass(frozen=True, slots=True)
class MeasuredSplit:
    """The part of one pool's requests that one region got, as measured: `0 <= share <= 1`."""

    service: str
    pool: str
    region: str
    requests: int
    errors: int
    share: float


@dataclass(frozen=True, slots=True)
class Overview:
    """All data that is shown; `modes` is None when the world process did not answer."""

    children: Mapping[str, bool]
    modes: Mapping[str, str] | None
    splits: tuple[MeasuredSplit, ...]
    window_s: int
    faults: tuple[str, ...] = ()
    """Names of the active faults."""


class StatusDisplay(Protocol):
    """Shows an overview."""

    def __call__(self, overview: Overview) -> None: ...


def headline(overview: Overview) -> str:
    """What is not normal, in one line."""
    dead = [f"{name} has ended" for name, alive in overview.children.items() if not alive]
    if overview.modes is None:
        return ", ".join([*dead, "the world does not answer"])
    broken = [f"{name} {mode}" for name, mode in overview.modes.items() if mode != "well"]
    faults = [f"fault {name}" for name in overview.faults]
    return ", ".join([*dead, *broken, *faults]) or "all regions well"


def line(overview: Overview) -> str:
    """The overview in one line, for logs."""
    pools = [f"{name} {_shares(splits)}" for name, splits in _by_pool(overview).items()]
    return " | ".join([headline(overview), *pools, f"errors {_error_percent(overview.splits)}"])


def table(overview: Overview) -> str:
    """The overview in a few aligned rows, for a terminal."""
    rows = [
        (name, f"{_rate(splits, overview)}/s", f"{_error_percent(splits)} errors", _shares(splits))
        for name, splits in _by_pool(overview).items()
    ]
    return "\n".join([headline(overview), *aligned(rows)])


def where_to_connect(supervisor: Supervisor) -> str:
    """The addresses of all parts, each with a command that uses it."""
    names = [
        s.levers.route53.name for s in supervisor.settings.services.values() if s.levers.route53
    ]
    region = next(iter(next(iter(supervisor.settings.services.values())).regions))
    host, _, port = supervisor.dns.rpartition(":")
    dig = f"dig @{host} -p {port} {names[0]} +subnet=192.0.2.0/28" if names else ""
    rows = [
        ("AWS", supervisor.aws_url, f". {supervisor.environment_file} && aws route53 …"),
        ("faults", supervisor.aws_control_url, "gtc sandbox fault throttle --for 30s"),
        ("DNS", supervisor.dns, dig),
        ("world", supervisor.world_url, f"gtc sandbox break {region} --how dead"),
        ("daemon", supervisor.daemon_url, "gtc status"),
        ("logs", str(supervisor.options.state_dir), ""),
    ]
    if not supervisor.options.with_daemon:
        by_hand = f". {supervisor.environment_file} && gtc run {supervisor.options.config}"
        rows[4] = ("daemon", "not started", by_hand)
    return "\n".join(
        ["The sandbox is up. Ctrl-C stops it.", *(f"  {row}" for row in aligned(rows))]
    )


async def show_status(supervisor: Supervisor) -> int:
    """Show the status until cancelled."""
    supervisor.say(where_to_connect(supervisor))
    if not sys.stdout.isatty():
        return await _poll_status(supervisor, _HeadlineLines(supervisor))
    from rich.live import Live  # rich is for terminals, and slow to import
    from rich.text import Text

    with Live(refresh_per_second=2, transient=True) as live:
        return await _poll_status(supervisor, lambda overview: live.update(Text(table(overview))))


class _HeadlineLines:
    """Writes a line when the headline changes, and otherwise every few seconds."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._write_line = supervisor.say
        self._headline = ""
        self._seconds_silent = 0

    def __call__(self, overview: Overview) -> None:
        self._seconds_silent += 1
        if headline(overview) != self._headline or self._seconds_silent >= _LINE_EVERY:
            self._headline = headline(overview)
            self._seconds_silent = 0
            self._write_line(line(overview))


async def _poll_status(supervisor: Supervisor, show: StatusDisplay) -> int:
    deadline = aiohttp.ClientTimeout(total=_DEADLINE_S)
    async with aiohttp.ClientSession(supervisor.world_url, timeout=deadline) as session:
        async for _ in ticks(1.0):
            show(await _overview(supervisor, session))
    return 0


async def _overview(supervisor: Supervisor, session: aiohttp.ClientSession) -> Overview:
    try:
        async with session.get("/state") as response:
            regions = (await response.json())["regions"]
        async with session.get("/users") as response:
            users = await response.json()
    except (aiohttp.ClientError, TimeoutError):
        # Shown as "does not answer"; a user may have stopped the world on purpose.
        return Overview(supervisor.alive(), None, (), 1, await _faults(supervisor, session))
    return Overview(
        supervisor.alive(),
        {name: state["mode"] for name, state in regions.items()},
        tuple(MeasuredSplit(**split) for split in users["split"]),
        users["window_s"],
        await _faults(supervisor, session),
    )


async def _faults(supervisor: Supervisor, session: aiohttp.ClientSession) -> tuple[str, ...]:
    """Names of the active faults; none when the emulated AWS was stopped, which is shown."""
    try:
        async with session.get(f"{supervisor.aws_control_url}/_emulator/faults") as response:
            active = (await response.json())["active"]
    except (aiohttp.ClientError, TimeoutError):
        return ()
    return tuple(dict.fromkeys(fault["name"] for fault in active))


def _by_pool(overview: Overview) -> dict[str, list[MeasuredSplit]]:
    pools: dict[str, list[MeasuredSplit]] = {}
    for split in overview.splits:
        pools.setdefault(f"{split.service}/{split.pool}", []).append(split)
    return pools


def _shares(splits: list[MeasuredSplit]) -> str:
    return "  ".join(f"{split.region} {split.share:.0%}" for split in splits)


def _rate(splits: list[MeasuredSplit], overview: Overview) -> int:
    return round(sum(split.requests for split in splits) / overview.window_s)


def _error_percent(splits: list[MeasuredSplit] | tuple[MeasuredSplit, ...]) -> str:
    requests = sum(split.requests for split in splits)
    errors = sum(split.errors for split in splits)
    return f"{errors / requests:.1%}" if requests else "–"
