"""Nearest shares behind an accelerator are learned from users' reports, from each once."""

from __future__ import annotations

import pytest

from tests.storyboards.player import StoryboardPlayer

WEST, EAST = "eu-west-1", "us-east-1"


@pytest.mark.parametrize(
    ("waits", "nearer"), [((), 0.55), ((9.9,), 0.55), ((10.0,), 0.59), ((10.0, 10.0), 0.622)]
)
def test_a_report_is_learned_from_once(waits: tuple[float, ...], nearer: float) -> None:
    """The next correction comes when these reports are over, ten seconds later."""
    stage = StoryboardPlayer()
    stage.now = 1_000.0
    stage.play(f"pool world {WEST} {EAST} accelerator")
    stage.play("known-good UU")
    stage.play(f"users world {WEST}:750 {EAST}:250")
    stage.play("decide")
    for wait_s in waits:
        stage.play(f"wait {wait_s}")
        stage.play("decide")
    learned = stage.memory.of("shop").nearest

    assert learned[WEST] == pytest.approx(nearer, abs=1e-6)
    assert sum(learned.values()) == pytest.approx(1)
