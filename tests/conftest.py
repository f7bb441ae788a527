"""What all tests share."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterator
from functools import cache
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Timing is the benchmarks' business. A property says how often it is tried only as a part or a
# multiple of its profile's number (`examples`). The same examples each time: what fails in CI fails
# here. `make properties` tries new ones, in large numbers.
settings.register_profile("default", max_examples=80, deadline=None, derandomize=True)
settings.register_profile(
    "properties",
    max_examples=10_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
settings.load_profile("default")

IN_MEMORY = (
    "tests/loops/",
    "tests/public/",
    "tests/faults/test_large_failover.py",
    "tests/faults/test_own_writes.py",
    "tests/faults/test_simulated.py",
    "tests/test_daemon.py",
)
"""Tests in simulated time whose loop waits for no socket."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rewrite`: see tests/storyboards/test_storyboards.py."""
    parser.addoption("--rewrite", action="store_true", help="accept the storyboards' new text")


class OneSandbox(LoadScopeScheduling):
    """What listens on the sandbox's own addresses runs in one process, one after the other.

    The plugin's own `loadgroup` does not group under pytest 9.2, which keeps ids elsewhere.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "sandbox" if nodeid.startswith(("tests/program/", "tests/sandbox/")) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """How `make test` spreads tests over its processes."""
    return OneSandbox(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Keep looptime from making an event loop that nobody closes, and SIGINT what it is.

    Asked outside any test looptime takes the main thread's loop, which Python 3.11 creates on
    demand; a loop that is explicitly none is not created. A shell that starts the tests in the
    background has SIGINT ignored, which the programs under test would inherit.
    """
    asyncio.set_event_loop(None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let simulated time pass at once where everything is in memory.

    looptime turns an idle loop 42 times before it moves the clock, for what the kernel may still
    deliver to a socket. An hour of simulated time consists of little else.
    """
    for item in items:
        if item.nodeid.startswith(IN_MEMORY) and item.get_closest_marker("looptime"):
            item.add_marker(pytest.mark.looptime(noop_cycles=0))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from going through modules and tests again and again.

    They live until the end, and are a hundred times what a test makes.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def models_of_aws() -> Iterator[None]:
    """Have each process read botocore's models once, and no certificates.

    Every client and every emulated AWS would read a MB of JSON anew, every client the system's
    certificates, which it does not need for the emulated AWS's plain HTTP. Imported here, so that
    xdist's own process does without.
    """
    from aiobotocore.httpsession import AIOHTTPSession
    from botocore import session

    from controller.sandbox.emulator.http.codec import codec_for

    with (
        patch.object(session, "create_loader", cache(session.create_loader)),
        patch("controller.sandbox.emulator.http.gateway.codec_for", cache(codec_for)),
        patch.object(AIOHTTPSession, "_get_ssl_context", lambda _: None),
    ):
        yield
