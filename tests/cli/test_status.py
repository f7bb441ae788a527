"""`gtc status` on a terminal, in a pipe, and as a document."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon, Reply, problem

HEAVY = ("pydantic", "aiohttp", "rich", "aioboto3", "botocore", "yaml", "structlog", "asyncio")


def troubled() -> dict[str, Any]:
    """One region is down, another is drained by an operator, changes are frozen."""
    europe = answers.pool(
        "europe",
        answers.region("eu-central-1", 1.0, measured=0.97),
        answers.region(
            "eu-west-1",
            0.0,
            measured=0.03,
            verdict="down",
            why="web: 3 probes failed within 0.4 s, last: connection refused (1 of 1)",
        ),
        residency="EU",
        holds=[answers.held("frozen", "frozen by bob: deploy")],
    )
    world = answers.pool(
        "world", answers.region("us-east-1", None, override=3), answers.region("eu-west-1", 1 / 3)
    )
    freeze = answers.override(4, kind="freeze", region=None, author="bob", reason="deploy")
    return answers.status(
        answers.service("api", world, lever="accelerator"),
        answers.service("shop", europe),
        frozen=True,
        overrides=[answers.override(region="us-east-1", service="api"), freeze],
    )


TROUBLED = """\
gtc 0.1.0  mode active  cycle 812, 2 s ago  settings 7f3a09c4  next cycle in 8 s
FROZEN everywhere by bob: deploy, ends in 2 h
SERVICE  POOL    REGION        HEALTH  DESIRED  OBSERVED  ANSWERED  MEASURED  SHARE       REASON
shop     europe  eu-west-1     down    0.0%     0.0%      -         3.0%      ..........  \
web: 3 probes failed within 0.4 s, last: connection refused (1 of 1)
shop     europe  eu-central-1  up      100.0%   100.0%    -         97.0%     ##########  -
api      world   us-east-1     up      -        -         -         -         -           \
drain by ann: INC-42, ends in 2 h
api      world   eu-west-1     up      33.3%    33.3%     -         33.3%     ###.......  -
hold: shop/europe: frozen, frozen by bob: deploy
override: 3, drain us-east-1 in api by ann: INC-42, ends in 2 h
"""


@pytest.mark.parametrize("columns", ["20", "80", "300"])
def test_each_region_is_one_row_in_a_pipe_at_any_width(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """Rows are never wrapped, so that grep and awk work."""
    monkeypatch.setenv("COLUMNS", columns)
    daemon.answers("GET /v1/status", troubled())
    result = gtc("status")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == TROUBLED


def test_json_is_the_daemons_reply_with_sorted_keys(daemon: FakeDaemon, gtc: Run) -> None:
    """A program gets everything, in a form that can be compared."""
    daemon.answers("GET /v1/status", troubled())
    result = gtc("status", "-o", "json")
    assert json.loads(result.stdout) == troubled()
    assert result.stdout == json.dumps(troubled(), indent=2, sort_keys=True) + "\n"


def test_one_service_shows_its_rows_and_overrides_only(daemon: FakeDaemon, gtc: Run) -> None:
    """Overrides for all services are among them."""
    daemon.answers("GET /v1/status", troubled())
    document = json.loads(gtc("status", "--service", "shop", "-o", "json").stdout)
    assert [item["name"] for item in document["services"]] == ["shop"]
    assert [item["id"] for item in document["overrides"]] == [4]


def test_an_unknown_service_gets_the_valid_ones_named(daemon: FakeDaemon, gtc: Run) -> None:
    """As for every name."""
    daemon.answers("GET /v1/status", troubled())
    result = gtc("status", "--service", "shpo")
    assert result.exit_code == exit_codes.USAGE
    assert "Did you mean shop? Valid: api, shop" in result.stderr


def interrupted_after(polls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raises KeyboardInterrupt in the pause of that number."""
    left = [polls]

    def sleep(seconds: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr("controller.cli.commands.status.time.sleep", sleep)


def test_a_watch_in_a_pipe_prints_a_block_only_when_something_changed(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ages do not count; Ctrl-C ends it without a message."""
    interrupted_after(4, monkeypatch)
    again = answers.status(cycle=813, at="2026-06-01T12:00:01.000Z")
    changed = answers.status(isolated=True, at="2026-06-01T12:00:02.000Z")
    daemon.answers("GET /v1/status", answers.status(), again, changed, changed)
    result = gtc("status", "-w")
    assert result.exit_code == exit_codes.INTERRUPTED
    assert result.stderr == ""
    blocks = result.stdout.strip().split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == [
        "2026-06-01T12:00:00.000Z",
        "2026-06-01T12:00:02.000Z",
    ]
    assert "ISOLATED" in blocks[1]


def test_a_watch_as_json_prints_a_document_a_line(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For programs that read line by line."""
    interrupted_after(2, monkeypatch)
    daemon.answers("GET /v1/status", answers.status(), answers.status(frozen=True))
    lines = gtc("status", "-w", "-o", "json").stdout.splitlines()
    assert [json.loads(line)["frozen"] for line in lines] == [False, True]


def test_a_watch_continues_while_the_daemon_restarts(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is printed once."""
    interrupted_after(5, monkeypatch)
    gone = Reply("", breaks_off=True)
    daemon.answers(
        "GET /v1/status", answers.status(), gone, gone, problem(503, "starting"), answers.status()
    )
    blocks = gtc("status", "-w").stdout.strip().split("\n\n")
    assert len(blocks) == 4
    assert "broke off" in blocks[1]
    assert blocks[2] == "starting"


def test_a_watch_whose_first_request_fails_ends(gtc: Run, daemon: FakeDaemon) -> None:
    """A wrong address is an error."""
    daemon.answers("GET /v1/status", Reply("", breaks_off=True))
    assert gtc("status", "-w").exit_code == exit_codes.UNREACHABLE


def test_status_imports_nothing_heavy() -> None:
    """Operators need it fast during an incident."""
    code = (
        "import sys, controller.cli.commands.status\n"
        f"print('loaded:', [name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout == "loaded: []\n", result.stderr


def command(daemon: FakeDaemon, *arguments: str, **environment: str) -> dict[str, Any]:
    """Starts `gtc` as a process."""
    env = {"PATH": os.environ["PATH"], "GTC_URL": daemon.url, **environment}
    return {"args": [sys.executable, "-m", "controller", *arguments], "env": env}


def test_ctrl_c_ends_a_watch_with_130_and_without_a_message(daemon: FakeDaemon) -> None:
    """The whole program, with a real signal."""
    daemon.answers("GET /v1/status", answers.status())
    with subprocess.Popen(
        **command(daemon, "status", "-w"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("2026-06-01T12:00:00")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (exit_codes.INTERRUPTED, "")


def on_terminal(daemon: FakeDaemon, *arguments: str, **environment: str) -> str:
    """The output of `gtc` on a terminal."""
    ours, theirs = os.openpty()
    drawn = {"TERM": "xterm-256color", "COLUMNS": "120", **environment}
    settings = command(daemon, *arguments, **drawn)
    with subprocess.Popen(**settings, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        try:
            text = _read_all(ours, time.monotonic() + 20)
        finally:
            os.close(ours)
    assert process.returncode == exit_codes.OK, text
    return text


def _read_all(source: int, deadline: float) -> str:
    data = b""
    while time.monotonic() < deadline:
        try:
            data += os.read(source, 65_536)
        except OSError:  # Linux says EIO once the other side has gone
            break
    return data.decode()


def test_on_a_terminal_verdicts_have_shape_word_and_colour(daemon: FakeDaemon) -> None:
    """Colour is never the only sign."""
    daemon.answers("GET /v1/status", troubled())
    text = on_terminal(daemon, "status")
    assert "\x1b[31m✖ down" in text
    assert "\x1b[32m● up" in text


def test_no_color_is_obeyed(daemon: FakeDaemon) -> None:
    """See https://no-color.org; shape and word remain."""
    daemon.answers("GET /v1/status", troubled())
    text = on_terminal(daemon, "status", NO_COLOR="1")
    assert "✖ down" in text
    assert not any(f"\x1b[{colour}m" in text for colour in (31, 32, 33))
