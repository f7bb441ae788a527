"""Makes the fixtures of this folder: `python -m tests.compatibility.make answers|validate|state`.

Run it for a new day's fixtures only; README.md says when.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.compatibility.day import (
    FOLDER,
    StoreInLoop,
    initial_world,
    play,
    recorded_responses,
    running_daemon,
    simulated,
)
from tests.compatibility.validated import OUTPUTS, output


def main(what: str) -> None:
    """Write one kind of fixtures."""
    if what == "answers":
        for name, body in simulated(recorded_responses()).items():
            text = json.dumps(body, ensure_ascii=False)
            (FOLDER / "api" / f"{name}.json").write_text(text + "\n")
    elif what == "validate":
        for name, arguments in OUTPUTS.items():
            (FOLDER / "validate" / name).write_text(output(*arguments))
    elif what == "state":
        path = FOLDER / "state" / "gtc.sqlite"
        path.unlink(missing_ok=True)
        simulated(day_on(path))
    else:
        raise SystemExit(f"{what!r}: answers, validate or state")


async def day_on(path: Path) -> None:
    """Play the day on a new state file."""
    async with StoreInLoop(path) as store, running_daemon(initial_world(store=store)) as daemon:
        await play(daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
