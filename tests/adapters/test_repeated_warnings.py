"""Repeated warnings are counted instead of logged."""

from __future__ import annotations

import logging

from controller.adapters.repeated_warnings import SUPPRESS_S, RepeatedWarningFilter


class Listener:
    """A filter with its clock, and the records that passed it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.through: list[logging.LogRecord] = []
        self._filter = RepeatedWarningFilter(lambda: self.now)

    def log(self, message: object, *args: object, level: int = logging.WARNING) -> bool:
        record = logging.LogRecord("test", level, "", 0, message, args, None)
        through = self._filter.filter(record)
        if through:
            self.through.append(record)
        return through


def test_an_identical_warning_is_logged_once_a_minute_with_its_count() -> None:
    """A different cycle number does not make it another warning."""
    listener = Listener()
    for cycle in range(100):
        listener.log({"event": "record_not_durable", "error": "disk full", "cycle": cycle})
    listener.now += SUPPRESS_S - 0.1
    assert not listener.log({"event": "record_not_durable", "error": "disk full"})
    listener.now += 0.2
    assert listener.log({"event": "record_not_durable", "error": "disk full"})

    assert len(listener.through) == 2
    assert listener.through[-1].msg == {
        "event": "record_not_durable",
        "error": "disk full",
        "repeated": 100,
    }


def test_a_warning_without_suppressed_ones_has_no_count() -> None:
    """No record was suppressed in between."""
    listener = Listener()
    listener.log({"event": "x"})
    listener.now += SUPPRESS_S
    listener.log({"event": "x"})
    assert listener.through[-1].msg == {"event": "x"}


def test_a_warning_that_differs_in_a_field_is_logged() -> None:
    """Another region makes another warning."""
    listener = Listener()
    for region in ("eu-west-1", "us-east-1"):
        for level in (logging.WARNING, logging.ERROR):
            assert listener.log({"event": "x", "region": region}, level=level)


def test_information_is_always_logged() -> None:
    """Decisions and writes are never suppressed."""
    listener = Listener()
    assert all(listener.log({"event": "write"}, level=logging.INFO) for _ in range(5))


def test_lines_of_other_libraries_are_counted_too() -> None:
    """Records of the logging module, without structlog."""
    listener = Listener()
    for _ in range(3):
        listener.log("cannot reach %s", "a")
    assert listener.log("cannot reach %s", "b")
    listener.now += SUPPRESS_S
    listener.log("cannot reach %s", "a")
    assert listener.through[-1].getMessage() == "cannot reach a (repeated 2 times)"


def test_it_remembers_a_bounded_number() -> None:
    """Text from outside cannot fill the memory."""
    listener = Listener()
    for number in range(5_000):
        listener.log({"event": "x", "detail": number})
    assert len(listener._filter._logged) == 500
