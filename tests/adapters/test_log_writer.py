"""A log that nobody reads delays nothing; what does not fit is counted, and the log says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from controller.adapters.log_writer import DroppedLines, LogWriter

SOON_S = 10.0
LINE = "x" * 999
PIPE_HOLDS = 64 * 1024


@dataclass
class Log:
    """A pipe as a log, its writer, and what was dropped."""

    reads: int
    writes: int
    dropped: dict[str, int] = field(default_factory=dict)

    def writer(self, most: int) -> LogWriter:
        return LogWriter(self.writes, lambda count: f"{count} dropped", self.count, most)

    def count(self, reason: str, count: int) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    def read_until(self, end: bytes) -> list[str]:
        text = b""
        while not text.endswith(end):
            text += os.read(self.reads, 65_536)
        return text.decode().splitlines()


@pytest.fixture
def log() -> Iterator[Log]:
    reads, writes = os.pipe()
    yield Log(reads, writes)
    os.close(reads)
    with suppress(OSError):  # a test may have closed it
        os.close(writes)


def fill(writer: LogWriter, log: Log) -> int:
    """Write lines until one is dropped; how many were not."""
    number = 0
    while not log.dropped:
        writer.put(f"{number:03} {LINE}")
        writer.flush(0.02)
        number += 1
    return number - 1


def test_a_reader_that_stops_delays_no_writer_and_reads_on_later(log: Log) -> None:
    """What fits into pipe and queue comes in order; where lines are missing, one says how many."""
    writer = log.writer(20_000)
    kept = fill(writer, log)
    for _ in range(100):
        writer.put(LINE)
    assert not writer.flush(0.02)
    assert log.dropped == {"queue_full": 101}
    assert kept <= (PIPE_HOLDS + 20_000) // len(LINE) + 2

    lines = log.read_until(b"dropped\n")
    assert [line[:3] for line in lines] == [*(f"{n:03}" for n in range(kept)), "101"]
    assert lines[-1] == "101 dropped"
    writer.put("again")
    assert log.read_until(b"again\n") == ["again"]
    assert writer.flush(SOON_S)


def test_the_gap_is_told_before_the_first_line_that_fits_again(log: Log) -> None:
    """Where the dropped lines would stand."""
    writer = log.writer(3_000)
    fill(writer, log)
    with writer._changed:  # the writer cannot take the next line while this is held
        os.read(log.reads, PIPE_HOLDS)
        writer._queue.clear()
        writer._queued_bytes = 0
        writer.put("after")
    assert log.read_until(b"after\n")[-2:] == ["1 dropped", "after"]


def test_a_log_that_is_closed_costs_lines_and_nothing_else(log: Log) -> None:
    """As when the terminal is gone, or the disk is full."""
    writer = log.writer(4_000)
    os.close(log.writes)
    writer.put("lost")
    assert writer.flush(SOON_S)
    assert log.dropped == {"unwritable": 1}


def test_a_descriptor_that_does_not_block_is_waited_for(log: Log) -> None:
    """Standard error may be shared with a program that has switched blocking off."""
    os.set_blocking(log.writes, False)
    writer = log.writer(200_000)
    for number in range(100):
        writer.put(f"{number:03} {LINE}")
    assert len(log.read_until(b"099 " + LINE.encode() + b"\n")) == 100
    assert not log.dropped


def test_lines_dropped_before_anybody_counts_are_counted_later() -> None:
    """Logging begins before there are metrics."""
    dropped, seen = DroppedLines(), []
    dropped.add("queue_full", 2)
    dropped.observe(lambda reason, count: seen.append((reason, count)))
    dropped.add("repeated")
    assert seen == [("queue_full", 2), ("repeated", 1)]
