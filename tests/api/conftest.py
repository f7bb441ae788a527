"""The API's tests run in simulated time: server, client and the daemon's loops share one loop."""

from __future__ import annotations

import inspect

import pytest

IN_REAL_TIME = {
    "test_fuzzed.py": "its client blocks in a thread, which simulated time does not wait for"
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every coroutine of this folder, unless its file is an exception."""
    for item in items:
        here = item.path.parent.name == "api" and item.path.name not in IN_REAL_TIME
        if here and inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.looptime)
