"""`gtc validate` says of the files of that day what it said then, to the letter.

A message that is changed on purpose: `python -m tests.compatibility.make validate`, and read the
diff. A key that is no longer accepted shows in `example.txt`.
"""

from __future__ import annotations

import pytest

from tests.compatibility.validated import OUTPUTS, SAYS, output


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_same_is_said_of_the_same_file(name: str) -> None:
    """Exit code and text."""
    assert output(*OUTPUTS[name]) == (SAYS / name).read_text()


def test_there_is_an_accepted_text_for_every_file() -> None:
    """And none for a file that is gone."""
    accepted = {path.name for path in SAYS.iterdir() if path.suffix in (".txt", ".json")}
    assert accepted == OUTPUTS.keys()
