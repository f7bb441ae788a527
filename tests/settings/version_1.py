"""Settings of version 1 made of present ones, and written as YAML in random styles."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

from controller.model.configuration.earlier_settings import CATALOGUED_KEYS, REFERENCE_TARGET_KEYS
from tests.settings.minimal import MINIMAL

Raw = dict[str, Any]
MINIMAL_1 = (
    MINIMAL.replace("schema_version: 2", "schema_version: 1")
    .replace("regions: {eu-west-1: {jurisdiction: EU}, us-east-1: {jurisdiction: US}}\n", "")
    .replace("      eu-west-1:\n", "      eu-west-1:\n        jurisdiction: EU\n", 1)
    .replace("        share: 1\n", "        jurisdiction: US\n", 1)
)
"""MINIMAL as a file of version 1, with the same line numbers."""


def as_version_1(data: Raw) -> Raw:
    """The same settings in the form of version 1: facts of regions in each service."""
    old = deepcopy(data)
    catalogue = old.pop("regions")
    for service in old["services"].values():
        for name, region in service["regions"].items():
            region |= {
                key: catalogue[name][key] for key in CATALOGUED_KEYS if key in catalogue[name]
            }
    found: Raw = {}
    for key, value in {**old, "schema_version": 1}.items():
        targets = value if key == "reference_targets" else {}
        found |= {
            then: targets[now] for then, now in REFERENCE_TARGET_KEYS.items() if now in targets
        }
        found |= {} if key == "reference_targets" else {key: value}
    return found


def written(data: Raw, chance: random.Random) -> str:
    """The data as YAML with random block and flow style, quotes, comments and empty lines."""
    return "".join(f"{line}\n" for line in _block(data, 0, chance))


def comments(text: str) -> list[str]:
    """Every comment of a text made by `written`; no value contains a number sign."""
    return [line.partition("#")[2].strip() for line in text.splitlines() if "#" in line]


def _block(data: Raw, depth: int, chance: random.Random) -> list[str]:
    """A mapping in block style, its keys in random order."""
    lines = []
    indent = " " * depth
    for key, value in chance.sample(list(data.items()), len(data)):
        if chance.random() < 0.2:
            lines.append("")
        lines += [
            f"{indent}# note {_number(chance)}" for _ in range(chance.choice((0, 0, 0, 1, 2)))
        ]
        lines += _member(indent, key, value, depth, chance)
    return lines


def _member(indent: str, key: str, value: object, depth: int, chance: random.Random) -> list[str]:
    behind = f"  # behind {_number(chance)}" if chance.random() < 0.2 else ""
    head = f"{indent}{_key(key, chance)}:"
    if isinstance(value, list) and chance.random() < 0.5:
        return _items(f"{head}{behind}", indent + chance.choice(("", "  ")), value, chance)
    if not isinstance(value, dict) or not value:
        return [f"{head} {_flow(value, chance)}{behind}"]
    if depth and chance.random() < 0.3:
        return _braces(head, value, indent, chance)
    return [f"{head}{behind}", *_block(value, depth + chance.choice((1, 2, 4)), chance)]


def _items(head: str, indent: str, values: list[Any], chance: random.Random) -> list[str]:
    """A list in block style, with comments between its items."""
    lines = [head]
    for value in values:
        if chance.random() < 0.3:
            lines.append(f"{indent}# item {_number(chance)}")
        lines.append(f"{indent}- {_flow(value, chance)}")
    return lines


def _braces(head: str, data: Raw, indent: str, chance: random.Random) -> list[str]:
    """A mapping in flow style, in one line or one line per key."""
    items = chance.sample(list(data.items()), len(data))
    members = [f"{_key(key, chance)}: {_flow(value, chance)}" for key, value in items]
    if chance.random() < 0.5:
        return [f"{head} {{{', '.join(members)}}}"]
    lines = [f"{indent}  {one},  # inside {_number(chance)}" for one in members]
    return [f"{head} {{", *lines, f"{indent} }}"]


def _flow(value: object, chance: random.Random) -> str:
    if isinstance(value, dict):
        members = (f"{_key(key, chance)}: {_flow(one, chance)}" for key, one in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(one, chance) for one in value)}]"
    if isinstance(value, str):
        return value if value.isupper() and chance.random() < 0.5 else json.dumps(value)
    return json.dumps(value)


def _key(key: str, chance: random.Random) -> str:
    return chance.choice((key, key, f'"{key}"', f"'{key}'"))


def _number(chance: random.Random) -> int:
    return chance.randrange(10**9)
