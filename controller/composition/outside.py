"""What is given to the loops: their ports, and where a reload reads settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from controller.model.aws_calls import AwsDenial
from controller.model.errors import InvalidSettingsError, Problem
from controller.ports import (
    Accelerators,
    Clock,
    HealthChecks,
    NameServers,
    Prober,
    RecordSets,
    Store,
)
from controller.settings import LoadedSettings


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside the loops: the daemon's adapters, or what tests put in their place."""

    clock: Clock
    store: Store
    prober: Prober
    records: RecordSets
    accelerators: Accelerators
    checks: HealthChecks
    name_servers: NameServers
    aws_denials: Callable[[], tuple[AwsDenial, ...]] = tuple
    """Which operations AWS denies the daemon now."""


async def _no_file() -> LoadedSettings:
    problem = Problem("these settings did not come from a file")
    raise InvalidSettingsError("-", (problem,))


@dataclass(frozen=True, slots=True)
class ReloadSource:
    """Where a reload reads settings, and which adapters must use them.

    `load` reads the settings again and raises InvalidSettingsError. Each of `swapped` is called
    once after every reload that succeeded.
    """

    load: Callable[[], Awaitable[LoadedSettings]] = _no_file
    swapped: tuple[Callable[[LoadedSettings], None], ...] = ()
