"""Words that everybody tells people things in."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 way`, `3 ways`, for nouns whose plural ends so."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
