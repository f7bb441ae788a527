"""A newcomer's real account cannot be reached by accident."""

from __future__ import annotations

import subprocess
from pathlib import Path

from controller.sandbox.environment import as_shell, sandbox_variables, without_aws

REAL = {
    "PATH": "/usr/bin:/bin",
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "real",
    "AWS_ENDPOINT_URL_ROUTE_53": "https://route53.amazonaws.com",
}


def test_nothing_of_a_real_account_is_left() -> None:
    """Not even service-specific endpoints, which would outrank the sandbox's."""
    assert without_aws(REAL) == {"PATH": "/usr/bin:/bin"}


def test_the_shell_file_forgets_and_sets(tmp_path: Path) -> None:
    """Sourced by a plain sh, it leaves exactly the sandbox's variables."""
    variables = sandbox_variables("http://127.0.0.1:4566")
    file = tmp_path / "environment.sh"
    file.write_text(as_shell(variables))
    shell = subprocess.run(
        ["sh", "-c", f". {file} && env"], env=REAL, capture_output=True, text=True, check=True
    )
    after = dict(line.split("=", 1) for line in shell.stdout.splitlines())
    assert {key: value for key, value in after.items() if key.startswith("AWS_")} == variables
