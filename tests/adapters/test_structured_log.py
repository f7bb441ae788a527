"""All ways by which text leaves the process; each test runs a separate process."""

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
    """The program's lines on standard error, parsed."""
    ended = subprocess.run(
        [sys.executable, "-c", SETUP + program], capture_output=True, text=True, timeout=30
    )
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_a_line_has_its_fields() -> None:
    """RFC 3339 in UTC, level, event, logger, and bound context variables."""
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
def test_lines_of_libraries_and_python_are_json(program: str, event: str) -> None:
    """Libraries, warnings, exceptions in the main thread and in others."""
    [line] = lines(program)
    assert event in line["event"]


def test_exceptions_are_logged_with_their_text_and_without_secrets() -> None:
    """In the daemon's lines and in those of libraries."""
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
    """They contain signed headers."""
    assert lines("logging.getLogger('botocore.auth').info('Signature: x')") == []


def test_text_from_outside_cannot_forge_a_line() -> None:
    """One event is one line, with any text."""
    text = 'x\n{"event": "forged"}\r\x1b[2J\x85\u2028\u202e'
    [line] = lines(f"log.info('override_set', reason={text!r})")
    assert line["reason"] == text


def test_repeated_warnings_are_suppressed() -> None:
    """A fault in every cycle must not fill the disk."""
    assert len(lines("for n in range(50): log.warning('same', cycle=n)")) == 1


def test_on_a_terminal_it_is_readable_and_moves_no_cursor() -> None:
    """No JSON, and no control character from outside."""
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
