"""Twenty random lives of the daemon, in which nothing that must hold is violated.

`make simulate` tries more; a failure names the command that replays it.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.runs import run
from tests.simulation.simulation import Plan

FAULTS_S, SETTLE_S = 400.0, 240.0


@pytest.mark.parametrize("seed", range(20))
def test_nothing_that_must_hold_is_violated(seed: int) -> None:
    """Under faults of all kinds; what is known to go wrong is excused and counted."""
    outcome = run(Plan(seed, faults_s=FAULTS_S, settle_s=SETTLE_S))

    assert outcome.violation is None, "\n".join([*outcome.trace[-40:], str(outcome)])
    assert outcome.counts["writes"] > 0
    assert outcome.faults > 0


@pytest.mark.parametrize("seed", [3])
def test_a_seed_replays_in_every_process(seed: int) -> None:
    """Whatever the order of sets: every step of every callback is the same."""
    digests = {
        subprocess.run(
            [
                *(sys.executable, "-m", "tests.simulation", "--hash-steps"),
                *("--seed", str(seed), "--faults-s", "120", "--settle-s", "120"),
            ],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        .stdout.partition("digest=")[2]
        .split()[0]
        for hash_seed in ("1", "2")
    }

    assert len(digests) == 1
    [digest] = digests
    assert len(digest) == 32
