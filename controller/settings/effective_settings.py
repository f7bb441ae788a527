"""Settings as they are in effect: every key with its value, and where the value comes from.

What is shown is YAML that `gtc run` would take, but for what must not be shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from controller.model.configuration import Settings
from controller.settings.file_positions import KeyPath
from controller.settings.yaml_scalars import AmbiguousScalarError, plain_scalar

DEFAULT = "default"
"""Origin of what nobody set."""
_REDACTED = "(redacted)"
_SECRET_KEYS = frozenset({"sha256"})
_BARE = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_./-]*")
"""Text that needs no quotes wherever it stands."""


class EffectiveSetting(NamedTuple):
    """One key in effect."""

    path: tuple[str, ...]
    value: object
    origin: str
    """`line 12`, `env:NAME`, `--set key` or `default`."""


def entries(settings: Settings, origins: Mapping[KeyPath, str]) -> tuple[EffectiveSetting, ...]:
    """Every key that holds a value, in the order of the nouns."""
    data = settings.model_dump(mode="json")
    return tuple(
        EffectiveSetting(path, redacted(value), origins.get(path, DEFAULT))
        for path, value in _leaves((), data)
    )


def as_yaml(found: tuple[EffectiveSetting, ...], *, with_origin: bool) -> str:
    """The entries as a configuration file; origins as comments."""
    lines: list[str] = []
    above: tuple[str, ...] = ()
    for entry in found:
        *groups, key = entry.path
        shared = _shared(above, tuple(groups))
        for depth in range(shared, len(groups)):
            lines.append(f"{'  ' * depth}{as_flow(groups[depth])}:")
        comment = f"  # {entry.origin}" if with_origin else ""
        lines.append(f"{'  ' * len(groups)}{as_flow(key)}: {as_flow(entry.value)}{comment}")
        above = tuple(groups)
    return "\n".join(lines)


def as_tree(found: tuple[EffectiveSetting, ...], *, with_origin: bool) -> dict[str, object]:
    """The entries as nested mappings; with origins, each value is `{value, origin}`."""
    tree: dict[str, object] = {}
    for entry in found:
        inner = tree
        for group in entry.path[:-1]:
            below = inner.setdefault(group, {})
            assert isinstance(below, dict), "a key holds a value or keys, never both"
            inner = below
        value = {"value": entry.value, "origin": entry.origin} if with_origin else entry.value
        inner[entry.path[-1]] = value
    return tree


def as_flow(value: object) -> str:
    """A value on one line, as it may stand in a configuration."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{as_flow(key)}: {as_flow(one)}" for key, one in value.items()) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_flow, value)) + "]"
    if isinstance(value, str):
        return value if _is_bare(value) else json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.15g}"
    return json.dumps(value)


def redacted(value: object) -> object:
    """A value without what helps to guess a secret; references to secrets stay."""
    if isinstance(value, list):
        return [redacted(one) for one in value]
    if isinstance(value, dict):
        return {k: _REDACTED if k in _SECRET_KEYS else redacted(v) for k, v in value.items()}
    return value


def _leaves(path: tuple[str, ...], data: object) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from _leaves((*path, key), value)
    else:
        yield path, data


def _shared(above: tuple[str, ...], groups: tuple[str, ...]) -> int:
    """How many groups the line above has opened already."""
    pairs = zip(above, groups, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(above), len(groups)))


def _is_bare(text: str) -> bool:
    if not _BARE.fullmatch(text):
        return False
    try:
        return plain_scalar(text) == text
    except AmbiguousScalarError:
        return False
