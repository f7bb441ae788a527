"""`gtc run` with invalid settings: its log, and its output on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from controller.cli import exit_codes
from tests.settings.version_1 import MINIMAL_1

THREE_MISTAKES = """\
schema_version: 2
state_path: gtc.sqlite
mod: active
vantage: {name: local}
services: {}
"""


def command(tmp_path: Path) -> list[str]:
    config = tmp_path / "gtc.yaml"
    config.write_text(THREE_MISTAKES)
    return [sys.executable, "-m", "controller", "run", str(config)]


def test_every_mistake_is_a_json_line_with_its_place(tmp_path: Path) -> None:
    """Log collectors parse JSON lines, also those of a failed start."""
    ended = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]

    assert ended.returncode == exit_codes.BAD_CONFIG
    assert ended.stdout == ""
    assert [line["event"] for line in lines] == [*["bad_settings"] * 3, "not_started"]
    assert {line["level"] for line in lines} == {"critical"}
    places = [line["problem"].removeprefix(str(tmp_path)) for line in lines[:3]]
    assert [place[: place.index(" ")] for place in places] == [
        "/gtc.yaml:1:1:",
        "/gtc.yaml:3:1:",
        "/gtc.yaml:5:11:",
    ]
    assert "did you mean mode?" in places[1]
    told = "3 problems in the settings; see: gtc validate --references "
    assert lines[-1]["error"].startswith(told)


def test_the_log_warns_of_a_file_of_version_1(tmp_path: Path) -> None:
    """The file is used; this run ends because its AWS endpoint is missing."""
    config = tmp_path / "gtc.yaml"
    state = f"state_path: {tmp_path}/gtc.sqlite\naws: {{require_endpoint_url: true}}"
    config.write_text(MINIMAL_1.replace("state_path: gtc.sqlite", state))
    environment = {key: value for key, value in os.environ.items() if key != "AWS_ENDPOINT_URL"}
    started = [sys.executable, "-m", "controller", "run", str(config)]
    ended = subprocess.run(started, capture_output=True, text=True, timeout=60, env=environment)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]

    assert ended.returncode == exit_codes.BAD_CONFIG
    assert [(line["event"], line["level"]) for line in lines] == [
        ("old_settings_version", "warning"),
        ("not_started", "critical"),
    ]
    assert lines[0]["why"] == (
        f"{config}:1:17: the file is of version 1, which is out of date (schema_version); `gtc "
        "config migrate FILE` prints it in the form of version 2, --write replaces it"
    )


def test_on_a_terminal_the_mistakes_are_printed_as_by_validate(tmp_path: Path) -> None:
    """Not as JSON."""
    ours, theirs = pty.openpty()
    try:
        ended = subprocess.run(
            command(tmp_path), stdout=theirs, stderr=theirs, timeout=60, env=plain_environment()
        )
        output = os.read(ours, 65_536).decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        os.close(theirs)

    assert ended.returncode == exit_codes.BAD_CONFIG
    assert "gtc.yaml:3:1: unknown key mod (mod)\n      did you mean mode?\n" in output
    assert output.endswith("gtc.yaml\n")
    assert "3 problems in the settings; see: gtc validate --references " in output
    assert "bad_settings" not in output


def plain_environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1"}
