"""What repeats itself is counted, not written."""

from __future__ import annotations

import logging

from controller.adapters.repeated_warnings import QUIET_S, Repetition


class Listener:
    """A filter, its clock, and what got through."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.through: list[logging.LogRecord] = []
        self._filter = Repetition(lambda: self.now)

    def tell(self, message: object, *args: object, level: int = logging.WARNING) -> bool:
        record = logging.LogRecord("test", level, "", 0, message, args, None)
        through = self._filter.filter(record)
        if through:
            self.through.append(record)
        return through


def test_an_identical_warning_is_told_once_a_minute_with_its_count() -> None:
    """The cycle's number does not make it another one."""
    listener = Listener()
    for cycle in range(100):
        listener.tell({"event": "record_not_durable", "error": "disk full", "cycle": cycle})
    listener.now += QUIET_S - 0.1
    assert not listener.tell({"event": "record_not_durable", "error": "disk full"})
    listener.now += 0.2
    assert listener.tell({"event": "record_not_durable", "error": "disk full"})

    assert len(listener.through) == 2
    assert listener.through[-1].msg == {
        "event": "record_not_durable",
        "error": "disk full",
        "repeated": 100,
    }


def test_one_that_came_back_alone_has_no_count() -> None:
    """Nothing was left out in between."""
    listener = Listener()
    listener.tell({"event": "x"})
    listener.now += QUIET_S
    listener.tell({"event": "x"})
    assert listener.through[-1].msg == {"event": "x"}


def test_what_differs_in_any_field_is_told() -> None:
    """Another region is other news."""
    listener = Listener()
    for region in ("eu-west-1", "us-east-1"):
        for level in (logging.WARNING, logging.ERROR):
            assert listener.tell({"event": "x", "region": region}, level=level)


def test_information_is_always_told() -> None:
    """Decisions and writes are never left out."""
    listener = Listener()
    assert all(listener.tell({"event": "write"}, level=logging.INFO) for _ in range(5))


def test_lines_of_other_libraries_are_counted_too() -> None:
    """In their own form."""
    listener = Listener()
    for _ in range(3):
        listener.tell("cannot reach %s", "a")
    assert listener.tell("cannot reach %s", "b")
    listener.now += QUIET_S
    listener.tell("cannot reach %s", "a")
    assert listener.through[-1].getMessage() == "cannot reach a (repeated 2 times)"


def test_it_remembers_a_bounded_number() -> None:
    """Texts from outside cannot fill the memory."""
    listener = Listener()
    for number in range(5_000):
        listener.tell({"event": "x", "detail": number})
    assert len(listener._filter._told) == 500
