"""Who is nearest to whom behind an accelerator is learned from users' reports, each told once."""

from __future__ import annotations

import pytest

from tests.storyboards.player import StoryboardPlayer

WEST, EAST = "eu-west-1", "us-east-1"


@pytest.mark.parametrize(
    ("waits", "nearer"), [((), 0.55), ((9.9,), 0.55), ((10.0,), 0.59), ((10.0, 10.0), 0.622)]
)
def test_a_report_teaches_once(waits: tuple[float, ...], nearer: float) -> None:
    """The next lesson comes when these reports are over, ten seconds later."""
    player = StoryboardPlayer()
    player.now = 1_000.0
    player.play(f"pool world {WEST} {EAST} accelerator")
    player.play("known-good UU")
    player.play(f"users world {WEST}:750 {EAST}:250")
    player.play("decide")
    for wait_s in waits:
        player.play(f"wait {wait_s}")
        player.play("decide")
    learned = player.memory.of("shop").nearest

    assert learned[WEST] == pytest.approx(nearer, abs=1e-6)
    assert sum(learned.values()) == pytest.approx(1)
