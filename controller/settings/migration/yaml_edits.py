"""Edits of a YAML text that remove or insert keys and keep everything else as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import yaml

_COMMENT_LINE = re.compile(r"[ \t]*#[^\n]*\n")
_COMMENT = re.compile(r"#[^\n]*")


class Edit(NamedTuple):
    """Replace `text[start:end]` by another text. `0 <= start <= end`."""

    start: int
    end: int
    text: str


class Pair(NamedTuple):
    """Key and value nodes of one member of a mapping."""

    key: yaml.Node
    value: yaml.Node

    @property
    def start(self) -> int:
        """Index of the key's first character."""
        return int(self.key.start_mark.index)

    @property
    def end(self) -> int:
        """Index after the value; a comment may follow."""
        return _end(self.value)


class Removal(NamedTuple):
    """Edits that remove keys from one mapping, and the comments of these keys."""

    edits: tuple[Edit, ...]
    comments: dict[str, tuple[str, ...]]
    """Key to the comments above it, then the one after it."""


class Lines(NamedTuple):
    """Lines of one key of a block mapping, as indexes: `start <= key < end`."""

    start: int
    """First line of the comments directly above the key."""
    key: int
    """Line of the key."""
    end: int
    """Line after the value."""


def lines_of(text: str, pair: Pair) -> Lines:
    """Lines of a key of a block mapping."""
    return Lines(
        _comments_start(text, pair.start), _line_start(text, pair.start), _line_end(text, pair.end)
    )


def indented(text: str, by: str) -> str:
    """Lines prefixed by `by`; empty lines stay empty."""
    return "".join(f"{by}{line}" if line.strip() else line for line in text.splitlines(True))


def comment_lines(comments: Iterable[str]) -> str:
    """Comments as text that may be inserted between two keys in flow style."""
    return "".join(f"\n{comment}\n" for comment in comments)


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made."""
    pieces, at = [], 0
    for edit in sorted(edits):
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def pairs(node: yaml.Node | None) -> Iterator[tuple[str, Pair]]:
    """Name and nodes of each member of a mapping; none for another node."""
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), Pair(key, value)) for key, value in node.value)


def member(node: yaml.Node | None, name: str) -> Pair | None:
    """The member of this name; None if there is none."""
    return next((pair for key, pair in pairs(node) if key == name), None)


def source_of(text: str, node: yaml.Node) -> str:
    """Source text of a node."""
    return text[node.start_mark.index : node.end_mark.index].rstrip()


def removal_of(text: str, node: yaml.MappingNode, names: Iterable[str]) -> Removal:
    """Removal of these keys from a mapping that keeps at least one other key."""
    removed = set(names)
    if node.flow_style:
        return _flow_removal(text, node, removed)
    edits, comments = [], {}
    for name, pair in pairs(node):
        if name in removed:
            start, end = _comments_start(text, pair.start), _line_end(text, pair.end)
            edits.append(Edit(start, end, ""))
            comments[name] = tuple(_comments(text, start, pair.start, pair.end, end))
    return Removal(tuple(edits), comments)


def insertion_index(text: str, pair: Pair) -> int:
    """Index for a new key of a block mapping before an existing one and its comments."""
    start = _comments_start(text, pair.start)
    return _line_start(text, pair.start) if start == 0 else start


def _flow_removal(text: str, node: yaml.MappingNode, removed: set[str]) -> Removal:
    """Removal of keys from a mapping in flow style, with their commas."""
    edits: list[Edit] = []
    comments: dict[str, tuple[str, ...]] = {}
    kept: Pair | None = None
    run: list[tuple[str, Pair]] = []
    for name, pair in pairs(node):
        if name in removed:
            run.append((name, pair))
            continue
        if run:
            edits.append(Edit(run[0][1].start, pair.start, ""))
            comments |= _comments_of_run(text, run, run[0][1].start, pair.start)
        kept, run = pair, []
    if run and kept is not None:
        edits.append(Edit(kept.end, run[-1][1].end, ""))
        comments |= _comments_of_run(text, run, kept.end, run[-1][1].end)
    return Removal(tuple(edits), comments)


def _comments_of_run(
    text: str, run: list[tuple[str, Pair]], start: int, end: int
) -> dict[str, tuple[str, ...]]:
    """Key to its comments, for adjacent keys that are removed: those before and after it."""
    found = {}
    for number, (name, pair) in enumerate(run):
        before = start if number == 0 else pair.start
        after = run[number + 1][1].start if number + 1 < len(run) else max(end, pair.end)
        found[name] = tuple(_comments(text, before, pair.start, pair.end, after))
    return found


def _comments(text: str, start: int, key: int, end: int, stop: int) -> Iterator[str]:
    """The comments from `start` to a key and from its value's end to `stop`."""
    for piece in (text[start:key], text[end:stop]):
        yield from (comment.rstrip() for comment in _COMMENT.findall(piece))


def _end(node: yaml.Node) -> int:
    """Index after a node's text; PyYAML's own end of a block is the start of the next key."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """Index of the next line; for a value that ends with a newline, the index itself."""
    if index > 0 and text[index - 1] == "\n":
        return index
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _comments_start(text: str, index: int) -> int:
    """Index of the first comment line directly above a key, with the key's indentation."""
    start = _line_start(text, index)
    column = index - start
    while start > 0:
        above = _line_start(text, start - 1)
        line = text[above:start]
        if not _COMMENT_LINE.fullmatch(line) or line.index("#") != column:
            break
        start = above
    return start
