"""The catalogue of regions that services of a test need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def catalogue(
    services: Mapping[str, Mapping[str, Any]],
    jurisdiction: Callable[[str], str] = lambda region: "any",
) -> dict[str, dict[str, Any]]:
    """Every region that the services use, in the jurisdiction of its name; default: all in one."""
    names = [region for service in services.values() for region in service["regions"]]
    return {name: {"jurisdiction": jurisdiction(name)} for name in dict.fromkeys(names)}


def by_continent(region: str) -> str:
    """EU for eu-west-1."""
    return region[:2].upper()
