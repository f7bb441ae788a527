"""`gtc replay`: a decision repeated by the daemon or from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controller import __version__
from controller.cli import exit_codes
from controller.planning.account.evidence import RecordedEvidence, encode_evidence, export_evidence
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon
from tests.planning.account.test_evidence import evidence

TEXT = "Decision 12, made by version 0.1.0, is the same byte for byte when the same version decides"
OTHER = ('"emergency":true', '"emergency":false')


def reply(*, faithful: bool = True) -> dict[str, Any]:
    """A reply of the daemon to a replay."""
    return {"decision_id": 12, "faithful": faithful, "differences": [], "text": TEXT}


def file_of(folder: Path, version: str = __version__, *change: str) -> Path:
    """An exported failover, with one text in its decision replaced."""
    text = json.dumps(
        export_evidence(RecordedEvidence(12, version, encode_evidence(evidence("see eu-west-1=D"))))
    )
    if change:
        old, new = (text.replace(":", ": ") for text in change)
        assert old in text
        text = text.replace(old, new)
    path = folder / "snapshot.json"
    path.write_text(text)
    return path


def test_a_faithful_replay_is_printed_as_the_daemons_text(daemon: FakeDaemon, gtc: Run) -> None:
    """Exit code 0."""
    daemon.answers("GET /v1/decisions/12/replay", reply())
    result = gtc("replay", "12")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, f"{TEXT}\n")


def test_another_decision_of_the_same_version_is_a_failure(daemon: FakeDaemon, gtc: Run) -> None:
    """Exit code 1; the reply is printed, too."""
    daemon.answers("GET /v1/decisions/12/replay", reply(faithful=False))
    for form in ("table", "json"):
        result = gtc("replay", "12", "-o", form)
        assert result.exit_code == exit_codes.FAILED
        assert TEXT in result.stdout


def test_a_decision_without_a_snapshot_is_an_error(daemon: FakeDaemon, gtc: Run) -> None:
    """With the daemon's message."""
    detail = "no snapshot is kept of decision 3: it is older than snapshots are"
    daemon.refuses("GET /v1/decisions/3/replay", 404, detail)
    result = gtc("replay", "3")
    assert (result.exit_code, result.stderr) == (exit_codes.FAILED, f"Error: {detail}\n")


def test_an_exported_snapshot_is_replayed_without_a_daemon(
    daemon: FakeDaemon, gtc: Run, tmp_path: Path
) -> None:
    """The outcome is the same."""
    content = export_evidence(
        RecordedEvidence(12, __version__, encode_evidence(evidence("see eu-west-1=D")))
    )
    daemon.answers("GET /v1/decisions/12/snapshot", content)
    path = tmp_path / "twelve.json"
    result = gtc("replay", "12", "--export", str(path))
    assert result.stdout == f"Written to {path}. Replay it with: gtc replay --file {path}\n"

    replayed = gtc("replay", "--file", str(path), GTC_URL="http://127.0.0.1:1")
    assert replayed.exit_code == exit_codes.OK
    assert replayed.stdout.startswith(f"Decision 12, made by version {__version__}, is the same")
    assert "~ shop/world" in replayed.stdout
    assert len(daemon.requests) == 1


def test_a_file_with_another_decision_is_a_failure_only_for_the_same_version(
    gtc: Run, tmp_path: Path
) -> None:
    """For another version it is information."""
    same = gtc("replay", "--file", str(file_of(tmp_path, __version__, *OTHER)))
    result = gtc("replay", "--file", str(file_of(tmp_path, "0.0.9", *OTHER)), "-o", "json")
    assert same.exit_code == exit_codes.FAILED
    assert "plans[shop/world].emergency  false → true" in same.stdout
    assert result.exit_code == exit_codes.OK
    [difference] = json.loads(result.stdout)["differences"]
    assert difference["place"] == "plans[shop/world].emergency"


def test_both_replays_have_the_same_form(gtc: Run, tmp_path: Path) -> None:
    """A program need not know which one it was."""
    result = gtc("replay", "--file", str(file_of(tmp_path)), "-o", "json")
    assert sorted(json.loads(result.stdout)) == [
        "decision_id",
        "differences",
        "faithful",
        "plans",
        "replayed_by",
        "text",
        "unread",
        "version",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "the file is no exported snapshot: its format is not gtc-snapshot/2"),
        (b"\xff", "invalid start byte"),
    ],
)
def test_an_invalid_file_is_an_error_without_a_traceback(
    gtc: Run, tmp_path: Path, content: bytes, message: str
) -> None:
    """The message names the file and its mistake."""
    path = tmp_path / "other.json"
    path.write_bytes(content)
    result = gtc("replay", "--file", str(path))
    assert result.exit_code == exit_codes.FAILED
    assert result.stderr.startswith(f"Error: {path}: ")
    assert message in result.stderr


def test_a_file_that_cannot_be_written_is_named(
    daemon: FakeDaemon, gtc: Run, tmp_path: Path
) -> None:
    """The daemon keeps its record."""
    daemon.answers("GET /v1/decisions/12/snapshot", {})
    path = tmp_path / "nowhere" / "x.json"
    result = gtc("replay", "12", "--export", str(path))
    assert result.exit_code == exit_codes.FAILED
    assert result.stderr == f"Error: {path} cannot be written: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name either a decision's ID or a --file"),
        (("12", "--file", "{file}"), "name either a decision's ID or a --file"),
        (("--file", "{file}", "--export", "x"), "--export writes what a daemon keeps"),
        (("twelve",), "'twelve' is not a valid integer"),
    ],
)
def test_a_wrong_command_line_is_refused(
    gtc: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Before any request, and before a file is read."""
    path = file_of(tmp_path)
    result = gtc("replay", *(text.format(file=path) for text in arguments))
    assert result.exit_code == exit_codes.USAGE
    assert message in result.stderr
