"""`.ci/run` ends with the first step that fails, and prints the duration of every step."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = """#!/bin/sh
echo "$@" >> made
[ "$1" = "$FAILS" ] && exit 3
exit 0
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with `.ci/run`, a `make` that does nothing, and no right to install packages."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "bin").mkdir()
    for name, text in (("make", MAKE), ("id", "#!/bin/sh\necho 1000\n")):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def run(tree: Path, fails: str = "") -> subprocess.CompletedProcess[str]:
    """Run `.ci/run`; the step named `fails` fails."""
    path = f"{tree / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "FAILS": fails}
    return subprocess.run([tree / ".ci" / "run"], env=environment, capture_output=True, text=True)


def rows(text: str) -> dict[str, list[str]]:
    """Step to its durations and outcome, from the table in a text."""
    lines = text[text.index("step ") :].splitlines()[1:]
    return {line[:40].strip(): line[40:].split() for line in lines}


def test_every_step_is_printed_with_its_seconds(tree: Path) -> None:
    """And stored for `make ci-time`."""
    done = run(tree)
    assert (done.returncode, done.stderr) == (0, "")
    printed = rows(done.stdout)
    assert list(printed)[1:3] == ["make check", "make test"]
    assert all(float(wall) >= 0 and float(cpu) >= 0 for wall, cpu, _ in printed.values())
    assert {outcome for _, _, outcome in printed.values()} == {"ok"}
    assert rows((tree / ".ci-time").read_text()) == printed
    # The bench's peers cannot be installed without root.
    assert len((tree / "made").read_text().splitlines()) == len(printed) - 1 == 6


def test_a_step_that_fails_is_the_last_one_and_is_printed(tree: Path) -> None:
    """`.ci/run` exits with its code."""
    done = run(tree, fails="demo")
    assert done.returncode == 3
    printed = rows(done.stdout)
    assert list(printed)[-1] == "make demo STORY=failover"
    assert printed["make demo STORY=failover"][2:] == ["exit", "3"]
    assert (tree / "made").read_text().splitlines()[-1] == "demo STORY=failover"
