"""Small reports, each one line of code away from a traceback or a dead probe.

After wordfence/wordfence-cli #232 and BuildOnViction/tmn #36 (a console that is not UTF-8). The
other small ones: coded bodies and odd header lines in `adapters/probing/test_http_tolerance.py`,
names that can never be asked in `adapters/probing/test_names.py`, `~` in `state_path` in
`settings/mistakes.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "cp437", "koi8-r"])
def test_output_shows_a_question_mark_for_what_the_console_lacks(encoding: str) -> None:
    """In every command: the streams are set up before any is chosen."""
    program = (
        "import click, controller.cli as cli\n"
        "@click.command()\n"
        "def said(): click.echo('46.7 % → 0 %'); click.echo('… Ελλάδα', err=True)\n"
        "cli.root.add_command(said)\n"
        "cli.RootGroup.get_command = lambda self, ctx, name: said\n"
        "cli.main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "said"],
        capture_output=True,
        timeout=60,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )
    assert ended.returncode == 0, ended.stderr
    arrow = "→".encode(encoding, "replace")
    assert ended.stdout == b"46.7 % " + arrow + b" 0 %\n"
