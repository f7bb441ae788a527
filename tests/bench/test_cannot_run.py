"""A program of the benchmark that cannot run costs its own rows, which say why; no more."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bench.prober import __main__ as bench
from tests.bench.prober import peers, processes, report, tools
from tests.bench.prober.measured import Figures, Measured
from tests.bench.prober.processes import CannotRunError, running
from tests.bench.prober.report import Row

PYTHON = (sys.executable, "-c")
FIGURES = {"us_cpu": 5.0}


def fails(error: Exception) -> Callable[[], Figures]:
    """A run that raises this."""

    def run() -> Figures:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CannotRunError("haproxy is not installed"), "haproxy is not installed"),
        (OSError(98, "Address already in use"), "Address already in use"),
        (ConnectionResetError("reset by peer"), "reset by peer"),
        (TimeoutError(), "TimeoutError"),
        (subprocess.TimeoutExpired("wrk", 180), "timed out after 180 seconds"),
        (subprocess.CalledProcessError(1, "openssl"), "non-zero exit status 1"),
    ],
)
def test_a_peer_that_cannot_run_costs_one_row_with_its_reason(
    error: Exception, reason: str
) -> None:
    """The other rows have their figures, and so has this one for ours."""
    measured = Measured()
    runs = {"ours": lambda: FIGURES, "peer": fails(error), "other": lambda: {"us_cpu": 10.0}}
    measured.play(runs, rounds=2)

    row = measured.row(Row("CPU", "peer", "µs", 1.0), "ours", "peer")
    assert (row.ours, row.theirs) == ([5.0, 5.0], [])
    assert reason in row.reason
    assert reason in report.table([row])
    other = measured.row(Row("CPU", "other", "µs", 1.0), "ours", "other")
    assert (other.ratio, other.reason) == (0.5, "")
    assert not measured.ours_failed


def test_a_run_that_fails_in_a_later_round_keeps_what_it_found() -> None:
    """And is not tried again: it may take minutes to fail."""
    measured, asked = Measured(), []

    def dying() -> Figures:
        asked.append(1)
        if len(asked) == 2:
            raise CannotRunError("died")
        return FIGURES

    measured.play({"ours": dying, "peer": lambda: FIGURES}, rounds=4)
    row = measured.row(Row("CPU", "peer", "µs", 1.0), "ours", "peer")
    assert (len(asked), row.ours, len(row.theirs), row.reason) == (2, [5.0], 4, "died")
    assert measured.ours_failed


def test_a_mistake_of_the_benchmark_itself_is_no_reason() -> None:
    """It ends it, and is to be mended."""
    with pytest.raises(KeyError):
        Measured().play({"ours": fails(KeyError("figure"))}, rounds=1)


@pytest.mark.parametrize("error", [KeyError("figure"), KeyboardInterrupt(), SystemExit("no")])
def test_whatever_ends_the_benchmark_what_was_measured_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    """The simulated rows and all runs so far."""

    def measure(measured: Measured, is_short: bool) -> None:
        measured.play({"ours new": lambda: {"us_cpu": 123.0}}, rounds=1)
        raise error

    monkeypatch.setattr(bench, "_simulated", lambda is_short: [Row("detection", "", "s")])
    monkeypatch.setattr(bench, "_measure", measure)
    with pytest.raises(type(error)):
        bench.main()
    told = capsys.readouterr().out
    assert "123" in told
    assert "detection" in told


def test_without_a_target_every_row_says_so_and_the_benchmark_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is simulated is told all the same."""

    def measure(measured: Measured, is_short: bool) -> None:
        raise CannotRunError("nginx is not installed")

    monkeypatch.setattr(bench, "_simulated", lambda is_short: [Row("detection", "", "s")])
    monkeypatch.setattr(bench, "_measure", measure)
    assert bench.main() == 1
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines[1:] if not line.startswith("detection")]
    assert rows
    assert all(line.endswith("nginx is not installed") for line in rows)


def test_a_program_that_is_missing_is_named() -> None:
    """And nothing is started."""
    with (
        pytest.raises(CannotRunError, match=r"^no-such-program is not installed$"),
        running("0", "no-such-program"),
    ):
        raise AssertionError("it runs")


def test_a_program_that_ends_at_once_is_quoted() -> None:
    """A port that is taken, a limit that is too low: it says so itself."""
    says = "import sys; sys.exit('line one\\ncannot bind socket [127.0.0.1:29180]')"
    with (
        pytest.raises(CannotRunError, match=r"ended with 1: cannot bind socket \[127.0.0.1:29"),
        running("0", *PYTHON, says) as process,
    ):
        process.wait()


def test_a_program_that_dies_in_the_middle_outranks_what_comes_of_it() -> None:
    """Whoever asked it sees a connection reset, which says less."""
    with (
        pytest.raises(CannotRunError, match="ended with -9: it said nothing"),
        running("0", *PYTHON, "import time; time.sleep(60)") as process,
    ):
        killed(process, ConnectionResetError())


def test_while_a_program_runs_other_errors_are_what_they_are() -> None:
    """It is ended."""
    with (
        pytest.raises(ZeroDivisionError),
        running("0", *PYTHON, "import time; time.sleep(60)") as process,
    ):
        raise ZeroDivisionError
    assert process.returncode is not None


def test_ctrl_c_ends_the_benchmark_though_it_ends_the_peer_too() -> None:
    """The terminal sends it to both."""
    with (
        pytest.raises(KeyboardInterrupt),
        running("0", *PYTHON, "import time; time.sleep(60)") as process,
    ):
        killed(process, KeyboardInterrupt())


def test_a_program_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run needs its port."""
    monkeypatch.setattr(processes, "_GRACE_S", 0.2)
    stubborn = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', file=sys.stderr, flush=True); time.sleep(60)"
    )
    with running("0", *PYTHON, stubborn) as process:
        deadline = time.monotonic() + 30
        while not _ignores(process.pid, signal.SIGTERM):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert process.returncode == -9


def test_what_cannot_be_built_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler, or one that refuses."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tools.compile_c(tmp_path) == {
        "limit": "gcc is not installed",
        "slow": "gcc is not installed",
    }
    (tmp_path / "gcc").write_text("#!/bin/sh\necho 'limit.c:1: error: no' >&2\nexit 1\n")
    (tmp_path / "gcc").chmod(0o755)
    assert tools.compile_c(tmp_path)["slow"] == "gcc ended with 1: limit.c:1: error: no"


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("", "it said nothing"),
        ("one\ntwo\n\n", "two"),
        (
            "  | IndexError: list index out of range\n  +-----------------\n",
            "IndexError: list index",
        ),
    ],
)
def test_the_last_words_of_a_program_are_its_last_line_with_words(text: str, last: str) -> None:
    """Not the rule below an exception group."""
    assert processes.last_line(text).startswith(last)


class Idle:
    """A target that nobody asks but the benchmark."""

    def requests(self) -> int:
        return 0


def test_a_peer_that_does_not_begin_to_probe_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that has ended meanwhile at once, with its last words."""
    monkeypatch.setattr(peers, "_STARTS_WITHIN_S", 0.2)
    idle: Any = Idle()
    with (
        pytest.raises(CannotRunError, match=r"it did not probe 5 times in 0\.2 s"),
        running("0", *PYTHON, "import time; time.sleep(60)") as process,
    ):
        peers._await_probes(process, idle, 5)
    with (
        pytest.raises(CannotRunError, match="ended with 1: cannot bind"),
        running("0", *PYTHON, "import sys; sys.exit('cannot bind')") as process,
    ):
        peers._await_probes(ended(process), idle, 5)


def ended(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """The program, which ends by itself."""
    process.wait()
    return process


def killed(process: subprocess.Popen[bytes], error: BaseException) -> None:
    """The program is killed, and whoever asked it notices."""
    process.kill()
    process.wait()
    raise error


def _ignores(pid: int, number: signal.Signals) -> bool:
    ignored = re.search(r"SigIgn:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text())
    return ignored is not None and bool(int(ignored[1], 16) >> number - 1 & 1)
