"""Positions of keys and values in a configuration file, and findings of rules by key path.

The YAML reader records the positions; rules name key paths; `locate` joins the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from controller.model.configuration import KeyPath


class TextPosition(NamedTuple):
    """A position in a text. `line >= 1`; `column >= 1`."""

    line: int
    column: int


class KeyPosition(NamedTuple):
    """Where a key and its value begin. An item of a list has no key: `key == value`."""

    key: TextPosition
    value: TextPosition


KeyPositions = Mapping[KeyPath, KeyPosition]


class RuleFinding(NamedTuple):
    """A mistake or warning found by a rule, at a key path."""

    path: KeyPath
    message: str
    hint: str = ""
    at_key: bool = False
    """Whether its position is that of the key, not of the value."""
    confidential: bool = False
    """Whether the value may be a secret."""

    def below(self, *prefix: str | int) -> RuleFinding:
        """The same finding with a prefix before its path."""
        return self._replace(path=(*prefix, *self.path))


def dotted(path: KeyPath) -> str:
    """A key path as text: `services.shop.pools.europe.geographies[1]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if part and part.isprintable() else repr(part)
            text += f".{shown}" if text else shown
    return text


def locate(positions: KeyPositions, path: KeyPath, *, at_key: bool = False) -> TextPosition:
    """Position of a path; if the file lacks it, that of the nearest parent's key."""
    found = positions.get(path)
    if found is not None:
        return found.key if at_key else found.value
    return locate(positions, path[:-1], at_key=True) if path else TextPosition(1, 1)
