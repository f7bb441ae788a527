"""What `gtc validate` says of the files in `validate/`."""

from __future__ import annotations

import os
from contextlib import chdir

from click.testing import CliRunner

from controller.cli import root
from tests.compatibility.day import FOLDER

SAYS = FOLDER / "validate"
FILES = sorted(path.name for path in SAYS.glob("*.yaml"))
OUTPUTS = {
    **{f"{name.removesuffix('.yaml')}.txt": (name,) for name in FILES},
    "all.json": ("-o", "json", *FILES),
    "settings.txt": ("../settings.yaml",),
    "no-such-file.txt": ("none.yaml", "good.yaml"),
}
"""Name of a golden text to the arguments that give it."""


def output(*arguments: str) -> str:
    """Exit code and standard output, whatever variables this process has."""
    unset = {name: None for name in os.environ if name.startswith("GTC_")}
    with chdir(SAYS):
        result = CliRunner(env=unset).invoke(root, ["validate", *arguments])
    return f"exit {result.exit_code}\n{result.stdout}"
