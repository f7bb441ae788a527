"""Takes secrets out of log lines, by the name they stand under and by their shape.

Nothing here logs headers, bodies or environments; this is the second line, for what a library's
message, an exception's text or a person's careless reason brings along. What is replaced reads
`[redacted]`, so that a reader sees that something was there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"
_NAMES = re.compile(
    r"authorization|cookie|password|passwd|secret|token|credential|signature|key$", re.IGNORECASE
)
"""Of fields, wherever they stand in a line."""
_DEEPEST = 6
"""Nested values below are shown as text, which is searched by shape only."""

_NAMED = r"(?:token|secret|password|passwd|credential|signature|(?:api|access|private)[-_]?key)"
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    # AWS's reference *IAM identifiers*: long-term and temporary access keys.
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), REDACTED),
    # Our own tokens (`gtc token new`); metrics begin alike and have no capitals.
    (re.compile(r"\bgtc_(?=[\w-]*[A-Z])[\w-]{40,}"), REDACTED),
    # RFC 7519: a JSON Web Token begins with the encoding of `{"`.
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?"), REDACTED),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    # Query strings, headers and reprs: token=…, 'api_key': '…', Signature=…
    (
        re.compile(rf"({_NAMED}[\"']?\s*[=:]\s*[\"']?)(?!\[)[^\s\"'&,;)}}\]]{{6,}}", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
    # User name and password of an address.
    (re.compile(r"(\w://)[^\s/@:]+:[^\s/@]+@"), rf"\1{REDACTED}@"),
)


def redact(_: object, __: str, event: Any) -> Any:
    """A structlog processor: the event without secrets, exception text included."""
    return _clean(event, 0)


def without_secrets(text: str) -> str:
    """The text with everything replaced that has a secret's shape."""
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def _clean(value: object, depth: int) -> object:
    if isinstance(value, str):
        return without_secrets(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(k): _clean_named(str(k), v, depth + 1) for k, v in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, depth + 1) for item in value]
    return without_secrets(str(value))


def _clean_named(name: str, value: object, depth: int) -> object:
    return REDACTED if value is not None and _NAMES.search(name) else _clean(value, depth)
