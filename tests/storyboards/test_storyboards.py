"""Every storyboard in this folder is played: commands, a ruled line, and what is then decided.

Run with `--rewrite` (or `make storyboards`) to accept the new text, and read the diff: a changed
story is a changed behaviour.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storyboards.player import StoryboardPlayer

BOARDS = sorted(Path(__file__).parent.glob("*.txt"))
_RULE = "----"


def replay(text: str) -> str:
    """The board with every expectation replaced by what really happens."""
    stage, out, told, skipping = StoryboardPlayer(), [], "", False
    for line in text.splitlines():
        if line == _RULE:
            out += [_RULE, *told.splitlines()]
            skipping = True
            continue
        if skipping and line:
            continue
        skipping = False
        out.append(line)
        if line and not line.startswith("#"):
            told = stage.play(line)
    return "\n".join(out) + "\n"


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_the_story_is_told_as_written(board: Path, request: pytest.FixtureRequest) -> None:
    """What is decided at each ruled line is what stands below it."""
    actual = replay(board.read_text())
    if request.config.getoption("--rewrite"):
        board.write_text(actual)

    assert board.read_text() == actual


def test_there_are_storyboards_and_each_expects_something() -> None:
    """A board without a ruled line would pass whatever happened."""
    assert len(BOARDS) > 10
    assert [board.stem for board in BOARDS if f"\n{_RULE}\n" not in board.read_text()] == []
