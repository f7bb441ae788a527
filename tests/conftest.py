"""What all tests share."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, settings

# Timing is the benchmarks' business; a property that says nothing else is tried 200 times.
settings.register_profile("default", max_examples=200, deadline=None, print_blob=True)
settings.register_profile(
    "simulate",
    max_examples=10_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rewrite`: see tests/storyboards/test_storyboards.py."""
    parser.addoption("--rewrite", action="store_true", help="accept the storyboards' new text")


@pytest.hookimpl(tryfirst=True)  # before the plugin looks at these marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What listens on the sandbox's own addresses runs in one process, one after the other."""
    for item in items:
        if {"program", "sandbox"} & set(item.path.parts):
            item.add_marker(pytest.mark.xdist_group("sandbox"))


def pytest_configure(config: pytest.Config) -> None:
    """Keep looptime from making an event loop that nobody closes.

    Asked outside any test it takes the main thread's loop, which Python 3.11 creates on demand; a
    loop that is explicitly none is not created.
    """
    asyncio.set_event_loop(None)
