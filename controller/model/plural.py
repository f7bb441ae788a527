"""English plurals in messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Number and noun: `1 problem`, `3 problems`. Only for nouns whose plural ends in -s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
