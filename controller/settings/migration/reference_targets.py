"""Edits that move `canaries` and `bad_canaries` into the group `reference_targets`."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from controller.model.configuration.earlier_settings import REFERENCE_TARGET_KEYS
from controller.settings.migration.yaml_edits import (
    Edit,
    Pair,
    comment_lines,
    indented,
    lines_of,
    pairs,
    removal_of,
    source_of,
)

_GROUP = "reference_targets"


def reference_edits(text: str, root: yaml.MappingNode) -> Iterator[Edit]:
    """Edits that make the group in place of the first of the two keys and remove the second."""
    found = [(name, pair) for name, pair in pairs(root) if name in REFERENCE_TARGET_KEYS]
    if not found:
        return
    (_, first), *others = found
    if root.flow_style:
        removed = removal_of(text, root, [name for name, _ in others])
        comments = [comment for found in removed.comments.values() for comment in found]
        yield Edit(first.start, first.end, comment_lines(comments) + _flow(text, found))
        yield from removed.edits
        return
    place = lines_of(text, first)
    indent = " " * int(first.key.start_mark.column)
    yield Edit(place.key, place.end, f"{indent}{_GROUP}:\n{_block(text, found)}")
    for _, pair in others:
        other = lines_of(text, pair)
        yield Edit(other.start, other.end, "")


def _block(text: str, found: list[tuple[str, Pair]]) -> str:
    """The group's members in block style; comments above the first one stay above the group."""
    written = ""
    for number, (name, pair) in enumerate(found):
        place = lines_of(text, pair)
        start = place.start if number else place.key
        written += f"{indented(text[start : place.key], '  ')}  {text[place.key : pair.start]}"
        behind = text[int(pair.key.end_mark.index) : place.end]
        written += REFERENCE_TARGET_KEYS[name] + _indented_after_first_line(
            behind if behind.endswith("\n") else behind + "\n"
        )
    return written


def _indented_after_first_line(text: str) -> str:
    """A text with every line but the first indented by two more spaces."""
    first, end, rest = text.partition("\n")
    return first + end + indented(rest, "  ")


def _flow(text: str, found: list[tuple[str, Pair]]) -> str:
    """The group in flow style, with the quotes of its keys."""
    quote = text[found[0][1].start]
    quote = quote if quote in "\"'" else ""
    members = (
        f"{quote}{REFERENCE_TARGET_KEYS[name]}{quote}: {source_of(text, pair.value)}"
        for name, pair in found
    )
    return f"{quote}{_GROUP}{quote}: {{{', '.join(members)}}}"
