"""A caller cannot fill the log, whatever the level of the lines that it causes."""

from __future__ import annotations

import logging

import pytest

from controller.adapters.caller_lines import PER_CALLER, PER_EVENT, WINDOW_S, CallerLineFilter


class Listener:
    """A filter with its clock, the records that passed it, and the number of the others."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.dropped = 0
        self._filter = CallerLineFilter(lambda: self.now, self._drop)

    def _drop(self, count: int) -> None:
        self.dropped += count

    def passed(self, message: object, level: int = logging.INFO, name: str = "api") -> object:
        """The message as it is logged; None when it is not."""
        record = logging.LogRecord(name, level, "", 0, message, (), None)
        return record.msg if self._filter.filter(record) else None


@pytest.mark.parametrize("field", ["peer", "address"])
@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_a_caller_causes_few_lines_of_each_kind_and_the_rest_is_counted(
    field: str, level: int
) -> None:
    """Also when each line differs in what the caller may choose."""
    listener = Listener()
    event = {"event": "request_unreadable", field: "127.0.0.1"}
    found = [listener.passed({**event, "request": number}, level) for number in range(401)]
    assert len(list(filter(None, found))) == PER_CALLER
    assert listener.dropped == 401 - PER_CALLER
    listener.now += WINDOW_S
    assert listener.passed(dict(event), level) == {**event, "repeated": 401 - PER_CALLER}


def test_another_caller_is_heard_and_all_together_are_limited() -> None:
    """IPv6 gives everybody as many addresses as they like."""
    listener = Listener()
    for number in range(2_000):
        listener.passed({"event": "access_refused", "address": f"2001:db8::{number:x}"})
    assert listener.dropped == 2_000 - PER_EVENT
    assert len(listener._filter._windows) <= 1_000


def test_lines_without_a_caller_always_pass() -> None:
    """Decisions and writes are never left out."""
    listener = Listener()
    assert all(listener.passed({"event": "write"}) for _ in range(500))


def test_lines_of_the_serving_libraries_are_limited() -> None:
    """Thousands of tracebacks told the same (asyncio's, when no descriptor was left)."""
    listener = Listener()
    text = "socket.accept() out of system resource, it says on this machine for number "
    found = [listener.passed(f"{text}{n}", logging.ERROR, "asyncio") for n in range(2_382)]
    assert len(list(filter(None, found))) == PER_CALLER
