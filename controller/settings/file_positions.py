"""Where a key and its value stand in a configuration file.

A mistake is useful only with its place. The YAML reader fills in the places, the rules speak in
key paths, and what is here brings both together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from controller.model.configuration import KeyPath as KeyPath


class TextPosition(NamedTuple):
    """A position in the text; both numbers count from 1."""

    line: int
    column: int


class KeyPosition(NamedTuple):
    """Where a key and its value begin. An item of a list has no key: both are its own beginning."""

    key: TextPosition
    value: TextPosition


KeyPositions = Mapping[KeyPath, KeyPosition]


class RuleFinding(NamedTuple):
    """A mistake or advice, as a rule states it: by key path, the text's positions unknown."""

    path: KeyPath
    message: str
    hint: str = ""
    at_key: bool = False
    """Point at the key rather than at its value."""
    confidential: bool = False
    """What stands there may be a secret."""

    def below(self, *prefix: str | int) -> RuleFinding:
        """The same finding, seen from further outside."""
        return self._replace(path=(*prefix, *self.path))


def dotted(path: KeyPath) -> str:
    """A key path as people write it: `services.shop.pools.europe.geographies[1]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if part and part.isprintable() else repr(part)
            text += f".{shown}" if text else shown
    return text


def locate(places: KeyPositions, path: KeyPath, *, at_key: bool = False) -> TextPosition:
    """Where a path stands; for one that is not written, the key of what it would stand in."""
    wanted = places.get(path)
    if wanted is not None:
        return wanted.key if at_key else wanted.value
    return locate(places, path[:-1], at_key=True) if path else TextPosition(1, 1)
