"""Every road that text takes out of the process, in a process of its own."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

SETUP = """
import asyncio, logging, sys, threading, warnings
import structlog
from controller.adapters.structured_log import configure
configure()
log = structlog.get_logger("test")
"""


def lines(program: str) -> list[dict[str, Any]]:
    """What the program writes to standard error, each line parsed."""
    ended = subprocess.run(
        [sys.executable, "-c", SETUP + program], capture_output=True, text=True, timeout=30
    )
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_a_line_has_its_fields() -> None:
    """RFC 3339 in UTC, level, event, logger, and what was bound around it."""
    [line] = lines(
        "with structlog.contextvars.bound_contextvars(cycle=7):\n"
        "    log.info('decision', region='eu-west-1')"
    )
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "decision",
        "logger": "test",
        "cycle": 7,
        "region": "eu-west-1",
    }


@pytest.mark.parametrize(
    ("program", "event"),
    [
        ("logging.getLogger('asyncio').error('slow %s', 'callback')", "slow callback"),
        ("warnings.warn('old')", "old"),
        ("raise RuntimeError('told to fail')", "uncaught_exception"),
        (
            "t = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()",
            "uncaught_exception",
        ),
        ("logging.getLogger('x').warning('%d', 'no number')", "log_line_lost"),
        (
            "async def main():\n"
            "    asyncio.get_running_loop().call_exception_handler({'message': 'lost'})\n"
            "asyncio.run(main())",
            "lost",
        ),
    ],
)
def test_lines_nobody_of_us_wrote_are_json_too(program: str, event: str) -> None:
    """Libraries, warnings, exceptions in the main thread and in others."""
    [line] = lines(program)
    assert event in line["event"]


def test_exceptions_are_told_with_their_text_and_without_secrets() -> None:
    """In our lines and in those of others."""
    found = lines(
        "for logger in (log, logging.getLogger('botocore')):\n"
        "    try:\n"
        "        raise RuntimeError('token=abcdef0123456789')\n"
        "    except RuntimeError:\n"
        "        logger.exception('failed')\n"
    )
    assert len(found) == 2
    for line in found:
        assert "RuntimeError: token=[redacted]" in line["exception"]
        assert "Traceback" in line["exception"]


def test_the_sdks_debugging_lines_are_never_written() -> None:
    """They hold signed headers."""
    assert lines("logging.getLogger('botocore.auth').info('Signature: x')") == []


def test_text_from_outside_cannot_forge_a_line() -> None:
    """One event is one line, whatever is in it."""
    text = 'x\n{"event": "forged"}\r\x1b[2J\x85\u2028\u202e'
    [line] = lines(f"log.info('override_set', reason={text!r})")
    assert line["reason"] == text


def test_what_repeats_is_left_out() -> None:
    """A fault told by every cycle fills no disk."""
    assert len(lines("for n in range(50): log.warning('same', cycle=n)")) == 1


def test_on_a_terminal_it_is_readable_and_moves_no_cursor() -> None:
    """No JSON, no control character from outside."""
    master, slave = pty.openpty()
    program = SETUP + "log.info('override_set', reason='x\\x1b[2J\\ny')"
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", program], stderr=slave, env=environment, timeout=30)
    os.close(slave)
    text = os.read(master, 4096).decode()
    os.close(master)

    assert "override_set" in text
    assert "x\\x1b[2J\\ny" in text
    assert "\x1b" not in text
    assert len(text.splitlines()) == 1
