"""Programs that a run starts: on one core, told to end afterwards, and why one did not run."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_LAST_MOMENT_S = 0.5
_GRACE_S = 10.0
"""Seconds a program may take to end before it is killed."""


class CannotRunError(Exception):
    """One program of the benchmark cannot run here; the text says why."""


def need(program: str) -> None:
    """Raises CannotRunError unless the program is installed."""
    if shutil.which(program) is None:
        raise CannotRunError(f"{program} is not installed")


@contextmanager
def running(cpu: str, *command: object) -> Iterator[subprocess.Popen[bytes]]:
    """The program on one core, until the block ends.

    Raises CannotRunError with its last words when it is not installed or ended before the block.
    The block's own error counts less: it comes of that.
    """
    words = [str(word) for word in command]
    need(words[0])
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            ["taskset", "-c", cpu, *words], stdout=subprocess.DEVNULL, stderr=errors
        )
        code = None
        try:
            yield process
            code = process.poll()
        except Exception:
            code = _ended(process)
            if code is None:
                raise
        finally:
            end(process)
        if code is not None:
            errors.seek(0)
            said = last_line(errors.read().decode(errors="replace"))
            raise CannotRunError(f"{words[0]} ended with {code}: {said}")


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """Its code if it ends by itself: its connections may have closed a moment before."""
    try:
        return process.wait(_LAST_MOMENT_S)
    except subprocess.TimeoutExpired:
        return None


def end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Tell a program to end, and kill it when it does not."""
    process.terminate()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_line(text: str) -> str:
    """The last line with a word in it, short enough for a table."""
    lines = [line.strip(" |+-") for line in text.splitlines() if re.search("[a-zA-Z]", line)]
    return lines[-1][:200] if lines else "it said nothing"
