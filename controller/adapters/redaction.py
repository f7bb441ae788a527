"""Removes secrets from log lines, by the name of their field and by their shape.

The daemon logs no headers, bodies or environment. This is the second line of defence, for secrets
in a library's message, an exception's text or an operator's reason. A secret is replaced by
`[redacted]`, so that a reader sees that there was one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"
_NAMES = re.compile(
    r"authorization|cookie|password|passwd|secret|token|credential|signature|key$", re.IGNORECASE
)
"""Names of fields that hold secrets, at any depth."""
_DEEPEST = 6
"""Values nested deeper are converted to text, in which only shapes are searched."""

_NAMED = r"(?:token|secret|password|passwd|credential|signature|(?:api|access|private)[-_]?key)"
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    # AWS's reference *IAM identifiers*: long-term and temporary access keys.
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), REDACTED),
    # Tokens of `gtc token new`; names of metrics also begin with `gtc_` but have no capitals.
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
    """The event without secrets, exception text included; a structlog processor."""
    return _clean(event, 0)


def without_secrets(text: str) -> str:
    """The text with everything replaced that has the shape of a secret."""
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
