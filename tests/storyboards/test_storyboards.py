"""Every storyboard in this folder is played: commands, a ruled line, and what is then decided.

Run with `--rewrite` (or `make storyboards`) to accept the new text, and read the diff: a changed
story is a changed behaviour.
"""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path
from textwrap import dedent

import pytest

from controller.planning import decision
from tests.storyboards.player import StoryboardPlayer

BOARDS = sorted(Path(__file__).parent.glob("*.txt"))
_RULE = "----"


def replay(text: str, *, restarts: bool = False) -> str:
    """The board with every expectation replaced by what is really decided.

    With `restarts`, by a daemon that starts anew before every decision.
    """
    player, out, decided, skipping = StoryboardPlayer(), [], "", False
    for line in text.splitlines():
        if line == _RULE:
            out += [_RULE, *decided.splitlines()]
            skipping = True
            continue
        if skipping and line:
            continue
        skipping = False
        out.append(line)
        if line and not line.startswith("#"):
            if restarts and line.startswith("decide"):
                player.play("restart")
            decided = player.play(line)
    return "\n".join(out) + "\n"


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_each_decision_is_as_written(board: Path, request: pytest.FixtureRequest) -> None:
    """The text below each ruled line is what is decided there."""
    actual = replay(board.read_text())
    if request.config.getoption("--rewrite"):
        board.write_text(actual)

    assert board.read_text() == actual


@pytest.mark.parametrize(
    "board",
    [
        pytest.param(board, marks=() if number % 6 == 0 else pytest.mark.slow, id=board.stem)
        for number, board in enumerate(BOARDS)
    ],
)
def test_a_restart_before_each_decision_changes_none(board: Path) -> None:
    """For any history: what is decided from the state file is what would be decided anyway."""
    assert replay(board.read_text(), restarts=True) == board.read_text()


def test_there_are_storyboards_and_each_expects_something() -> None:
    """A board without a ruled line would pass, whatever is decided."""
    assert len(BOARDS) > 10
    assert [board.stem for board in BOARDS if f"\n{_RULE}\n" not in board.read_text()] == []


def test_the_worked_example_of_the_docstring_is_what_is_decided() -> None:
    """`planning.decision` opens with a storyboard, its long lines wrapped."""
    text = cleandoc(decision.__doc__ or "")
    indented = [line for line in text.splitlines() if not line or line.startswith("    ")]
    board = dedent("\n".join(indented)).strip("\n")

    assert board.count(f"\n{_RULE}\n") == 2
    assert board.split() == replay(board).split()
