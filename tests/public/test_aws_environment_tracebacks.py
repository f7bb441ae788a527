"""A mistake in AWS's own configuration is one line at the start, and exit code 78.

After aws/aws-cli #3834 and #5248 and jorgebastida/awslogs #352: the SDK's exceptions reached people
as tracebacks. Every such mistake is in `tests/adapters/aws/test_session_setup.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.cli import exit_codes
from tests.settings.minimal import MINIMAL


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"AWS_PROFILE": "nosuch"}, "nosuch"),
        ({"AWS_ENDPOINT_URL": "127.0.0.1:4566"}, "127.0.0.1:4566"),
    ],
)
def test_the_daemon_does_not_start(variables: dict[str, str], word: str, tmp_path: Path) -> None:
    """A service manager should not start it again on this code."""
    config = tmp_path / "gtc.yaml"
    config.write_text(MINIMAL.replace("gtc.sqlite", f"{tmp_path}/gtc.sqlite"))
    own = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    ended = subprocess.run(
        [sys.executable, "-m", "controller", "run", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        env=own | {"AWS_EC2_METADATA_DISABLED": "true"} | variables,
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines()]

    assert ended.returncode == exit_codes.BAD_CONFIG
    assert [line["event"] for line in lines] == ["not_started"]
    assert word in lines[0]["error"]
