"""Texts that people read, such as reasons and names of authors: one line in which all is visible.

What cannot be seen cannot be told apart: `ann` and `ann` with a Hangul filler are two authors.
Marks stand on the letter before them, so hundreds of them would cover other lines of a table.
"""

from __future__ import annotations

import unicodedata

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Characters that print nothing, though Unicode counts them among letters, marks and symbols."""
MOST_MARKS = 4
"""Combining marks on one character; no script needs more."""


def refusal(text: str) -> str | None:
    """Why a text is not one line in which all is visible; None when it is, or is empty."""
    if not text.isprintable():
        return "must be one line without control characters"
    marks = MOST_MARKS  # none may stand at the beginning
    for character in text:
        if character in _BLANK:
            return f"has an invisible character, U+{ord(character):04X}: leave it out"
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks > MOST_MARKS:
            return (
                f"has combining marks (U+{ord(character):04X}) on nothing, or more than "
                f"{MOST_MARKS} on one character"
            )
    return None
