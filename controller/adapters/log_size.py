"""The size of log lines: what is too long is cut, with a mark and where the whole can be read."""

from __future__ import annotations

import json
from typing import Any

MAX_LINE_BYTES = 16 * 1024
"""Most bytes of a line as JSON."""
_RESERVED = 512
"""Of these for marks and punctuation."""
_LEAST = 200
"""A field is not cut to less."""


def cut_to_size(_: object, __: str, event: Any) -> Any:
    """The event, its largest fields cut when its line would be too long; a structlog processor.

    The field `cut` names them, and the command that shows the whole decision.
    """
    sizes = {key: _size(value) for key, value in event.items()}
    excess = sum(sizes.values()) + sum(map(_size, sizes)) + 4 * len(sizes) - MAX_LINE_BYTES
    if excess <= 0:
        return event
    excess += _RESERVED
    result, cut = dict(event), []
    for key in sorted(sizes, key=lambda key: -sizes[key]):
        if excess <= 0 or sizes[key] <= _LEAST:
            break
        allowed = max(_LEAST, sizes[key] - excess, _even_part(sizes))
        result[key] = _cut(event[key], allowed)
        excess -= sizes[key] - _size(result[key])
        cut.append(key)
    whole = f"; whole: gtc why {event['decision_id']}" if "decision_id" in event else ""
    return {**result, "cut": ", ".join(cut) + whole}


def _even_part(sizes: dict[str, int]) -> int:
    """Bytes that each of the large fields may keep, so that no one is cut to nothing."""
    large = [size for size in sizes.values() if size > _LEAST]
    return (MAX_LINE_BYTES - _RESERVED - _LEAST * len(sizes)) // (len(large) + 1)


def _size(value: object) -> int:
    return len(json.dumps(value, default=repr))


def _cut(value: object, allowed: int) -> object:
    """The beginning of a value, and how much was left out."""
    if isinstance(value, list):
        kept, free = [], allowed
        for item in value:
            free -= _size(item) + 2
            if free < 0:
                break
            kept.append(item)
        return [*kept, f"… {len(value) - len(kept)} more"]
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    kept_text = text[:allowed]
    while _size(kept_text) > allowed:
        kept_text = kept_text[: len(kept_text) * 3 // 4]
    return f"{kept_text}… {len(text) - len(kept_text)} more characters"
