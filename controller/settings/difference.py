"""Differences between two configurations, key by key, and which of them need a restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.model.configuration import ConfigModel, KeyPath, Settings
from controller.settings.effective_settings import as_flow, redacted
from controller.settings.file_positions import dotted

_ONLY_AT_START: tuple[KeyPath, ...] = (
    ("state_path",),
    ("vantage",),
    ("aws",),
    ("api", "host"),
    ("api", "port"),
    ("api", "limits", "connections"),
)
"""Keys, or groups of keys, that the daemon reads only at its start."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One key whose values differ. Values are YAML; None: the configuration lacks the key.

    `not (old is None and new is None)`.
    """

    key: str
    old: str | None
    new: str | None
    needs_restart: bool = False

    def __str__(self) -> str:
        if self.old is None:
            return f"+ {self.key}: {self.new}"
        if self.new is None:
            return f"- {self.key}: {self.old}"
        return f"~ {self.key}: {self.old} → {self.new}"


def differences(old: Settings, new: Settings) -> tuple[Difference, ...]:
    """All differences, in the order of the configuration models.

    A service, region, pool or endpoint that only one configuration has is one difference.
    """
    return tuple(_between((), old, new))


def _between(path: tuple[str, ...], old: object, new: object) -> Iterator[Difference]:
    if isinstance(old, ConfigModel) and isinstance(new, ConfigModel):
        for name in type(old).model_fields:
            yield from _between((*path, name), getattr(old, name), getattr(new, name))
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _between_members(
                (*path, key), key in old, old.get(key), key in new, new.get(key)
            )
    elif old != new:
        yield _difference(path, _text(old), _text(new))


def _between_members(
    path: tuple[str, ...], in_old: bool, old: object, in_new: bool, new: object
) -> Iterator[Difference]:
    if in_old and in_new:
        yield from _between(path, old, new)
    else:
        yield _difference(path, _text(old) if in_old else None, _text(new) if in_new else None)


def _difference(path: tuple[str, ...], old: str | None, new: str | None) -> Difference:
    at_start = any(path[: len(prefix)] == prefix for prefix in _ONLY_AT_START)
    return Difference(dotted(path), old, new, at_start)


def _text(value: object) -> str:
    """A value as YAML in one line, without keys at their defaults."""
    return as_flow(redacted(_plain(value)))


def _plain(value: object) -> object:
    if isinstance(value, ConfigModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
