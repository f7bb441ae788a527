"""`gtc reload`: preview, then reload."""

from __future__ import annotations

import json
from typing import Any

from controller.cli import exit_codes
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon

SHOWN: dict[str, Any] = {
    "applied": False,
    "settings_hash": "abc123",
    "accept": "f00d",
    "refusal": None,
    "differences": [],
    "moves": [],
    "text": "~ probing.interval_s: 1 → 2\n\nNo traffic moves by it.\n",
}
DONE = {**SHOWN, "applied": True}
REFUSED = {**SHOWN, "refusal": "2 regions would lose traffic: a, b; accept this plan by its hash"}


def orders(daemon: FakeDaemon) -> list[Any]:
    """The bodies of the reload requests."""
    return [request.body for request in daemon.asked("POST")]


def test_a_reload_is_previewed_and_then_submitted(daemon: FakeDaemon, gtc: Run) -> None:
    """The output is the reply to the second request."""
    daemon.answers("POST /v1/reload", SHOWN, DONE)
    result = gtc("reload")
    assert result.exit_code == exit_codes.OK
    assert orders(daemon) == [{"dry_run": True}, {}]
    assert result.output == (
        "~ probing.interval_s: 1 → 2\n\nNo traffic moves by it.\n\nIn force: settings abc123.\n"
    )


def test_a_dry_run_is_only_previewed(daemon: FakeDaemon, gtc: Run) -> None:
    """The output has the hash by which the plan can be accepted."""
    daemon.answers("POST /v1/reload", SHOWN)
    result = gtc("reload", "--dry-run")
    assert result.exit_code == exit_codes.OK
    assert orders(daemon) == [{"dry_run": True}]
    assert result.output.endswith("\nNothing was changed. This plan's hash is f00d.\n")


def test_a_refusal_is_printed_with_the_plan_and_nothing_is_submitted(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """Exit code 4, also in a dry run."""
    daemon.answers("POST /v1/reload", REFUSED)
    result, dry = gtc("reload"), gtc("reload", "--dry-run")
    assert result.exit_code == dry.exit_code == exit_codes.REFUSED
    assert orders(daemon) == [{"dry_run": True}] * 2
    assert "~ probing.interval_s" in result.stdout
    assert "Error: refused: 2 regions would lose traffic" in result.stderr
    assert "Error: would be refused: 2 regions" in dry.stderr


def test_an_accepted_plan_is_submitted_with_its_hash(daemon: FakeDaemon, gtc: Run) -> None:
    """The daemon compares it with the plan at that time."""
    daemon.answers("POST /v1/reload", SHOWN, DONE)
    assert gtc("reload", "--accept", "f00d").exit_code == exit_codes.OK
    assert orders(daemon) == [{"accept": "f00d", "dry_run": True}, {"accept": "f00d"}]


def test_an_invalid_configuration_has_an_exit_code_of_its_own(daemon: FakeDaemon, gtc: Run) -> None:
    """Every mistake is printed."""
    daemon.refuses("POST /v1/reload", 422, "it cannot be used:\n  line 3: port must be a number")
    result = gtc("reload")
    assert result.exit_code == exit_codes.BAD_CONFIG
    assert "  line 3: port must be a number" in result.stderr


def test_a_refusal_after_the_preview_is_an_error(daemon: FakeDaemon, gtc: Run) -> None:
    """The reply to the second request counts."""
    daemon.answers("POST /v1/reload", SHOWN)
    assert gtc("reload", "-o", "json", "--dry-run").exit_code == exit_codes.OK
    assert json.loads(gtc("reload", "-o", "json", "--dry-run").stdout) == SHOWN
    daemon.refuses("POST /v1/reload", 409, "the hash f00d is of another plan")
    assert gtc("reload", "--accept", "f00d").exit_code == exit_codes.REFUSED
