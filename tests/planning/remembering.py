"""Memories for tests: what one service's earlier decisions left behind."""

from __future__ import annotations

from typing import Any

from controller.model.memory import Memory, ServiceMemory

BEFORE_THE_START = -100_000.0
"""Long enough ago that nothing is held for want of data."""


def remembers(service: str = "shop", **fields: Any) -> Memory:
    """A memory of one service with these fields; `warming_up` says all about who warms up."""
    return Memory(services={service: service_memory(**fields)})


def service_memory(**fields: Any) -> ServiceMemory:
    """The same of the service alone."""
    given = {
        "since": BEFORE_THE_START,
        "closed_is_warming_up": "warming_up" not in fields,
        **fields,
    }
    return ServiceMemory(**given)
