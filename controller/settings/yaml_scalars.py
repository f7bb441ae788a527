"""Values of plain (unquoted) YAML scalars.

By YAML 1.2's core schema (section 10.3 of the specification). Scalars that YAML 1.1 parsers read
differently (`no`, `010`, `1:30`, `1_000`) are refused. Quoted scalars are always text.
"""

from __future__ import annotations

import re

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_OLD_BOOLEAN = re.compile(r"yes|no|on|off|y|n", re.IGNORECASE)
_SEXAGESIMAL = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?")
_OTHER_BASE = re.compile(r"[-+]?(0\d[\d_]*(\.[\d_]*)?|0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)")
_GROUPED = re.compile(r"[-+]?\d+(_\d+)+(\.[\d_]*)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_INTEGER = re.compile(r"[-+]?\d+")
_FLOAT = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")

_LARGEST = 1e15
"""Largest number allowed. No setting needs more, and larger floats are not exact to 1."""


class AmbiguousScalarError(ValueError):
    """A plain scalar that programs read differently; the text says what to write instead."""


def plain_scalar(text: str) -> object:
    """Value of a plain scalar: None, bool, int, float or the text itself.

    Raises AmbiguousScalarError for scalars that YAML 1.1 and 1.2 read differently, and for numbers
    that are not finite or beyond 10^15.
    """
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    _refuse_ambiguous(text)
    if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text):
        return _number(text)
    return text


def _refuse_ambiguous(text: str) -> None:
    shown = text[:40]
    if _OLD_BOOLEAN.fullmatch(text):
        raise AmbiguousScalarError(
            f"{shown} is a boolean to some programs and text to others; "
            "write true or false, or quote it"
        )
    if _SEXAGESIMAL.fullmatch(text):
        raise AmbiguousScalarError(
            f"{shown} is a number to the base 60 to some programs; "
            "write a plain number (durations are in seconds), or quote it"
        )
    if _OTHER_BASE.fullmatch(text):
        raise AmbiguousScalarError(
            f"{shown} is not a decimal number to every program; "
            "write it in decimal without leading zeros, or quote it"
        )
    if _GROUPED.fullmatch(text):
        raise AmbiguousScalarError(
            f"{shown} is a number to some programs and text to others; leave out the underscores"
        )
    if _NOT_FINITE.fullmatch(text):
        raise AmbiguousScalarError(f"{shown} is not a number one can act on; write a finite number")


def _number(text: str) -> int | float:
    number = float(text)
    if abs(number) > _LARGEST:
        raise AmbiguousScalarError(f"{text[:40]} is too large; no number here is above 10^15")
    return int(text) if _INTEGER.fullmatch(text) else number
