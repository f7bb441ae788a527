"""Effective settings: every key with its value and the origin of the value.

They are shown as YAML that `gtc run` accepts, except for redacted values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from controller.model.configuration import KeyPath, Settings
from controller.settings.yaml_scalars import AmbiguousScalarError, plain_scalar

DEFAULT = "default"
"""Origin of a value that is not set."""
_REDACTED = "(redacted)"
_SECRET_KEYS = frozenset({"sha256"})
_BARE = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_./-]*")
"""Text that needs no quotes in any YAML context."""


class EffectiveSetting(NamedTuple):
    """One key with its value."""

    path: tuple[str, ...]
    value: object
    origin: str
    """`line 12`, `env:NAME`, `--set key` or `default`."""


def entries(settings: Settings, origins: Mapping[KeyPath, str]) -> tuple[EffectiveSetting, ...]:
    """Every key that has a value, in the order of the configuration models."""
    data = settings.model_dump(mode="json")
    return tuple(
        EffectiveSetting(path, redacted(value), origins.get(path, DEFAULT))
        for path, value in _leaves((), data)
    )


def as_yaml(found: tuple[EffectiveSetting, ...], *, with_origin: bool) -> str:
    """The entries as text of a configuration file, with origins as comments."""
    lines: list[str] = []
    above: tuple[str, ...] = ()
    for entry in found:
        *groups, key = entry.path
        shared = _common_groups(above, tuple(groups))
        for depth in range(shared, len(groups)):
            lines.append(f"{'  ' * depth}{as_flow(groups[depth])}:")
        comment = f"  # {entry.origin}" if with_origin else ""
        lines.append(f"{'  ' * len(groups)}{as_flow(key)}: {as_flow(entry.value)}{comment}")
        above = tuple(groups)
    return "\n".join(lines)


def as_tree(found: tuple[EffectiveSetting, ...], *, with_origin: bool) -> dict[str, object]:
    """The entries as nested mappings; with origins each value is `{value, origin}`."""
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
    """A value in one line, in YAML's flow style: `[1, {a: b}]`."""
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
    """A value with token hashes replaced; references to secrets are kept."""
    if isinstance(value, list):
        return [redacted(item) for item in value]
    if isinstance(value, dict):
        return {k: _REDACTED if k in _SECRET_KEYS else redacted(v) for k, v in value.items()}
    return value


def _leaves(path: tuple[str, ...], data: object) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from _leaves((*path, key), value)
    else:
        yield path, data


def _common_groups(above: tuple[str, ...], groups: tuple[str, ...]) -> int:
    """Number of leading groups that the entry above has in common."""
    pairs = zip(above, groups, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(above), len(groups)))


def _is_bare(text: str) -> bool:
    """Whether a text without quotes is read as the same text."""
    if not _BARE.fullmatch(text):
        return False
    try:
        return plain_scalar(text) == text
    except AmbiguousScalarError:
        return False
