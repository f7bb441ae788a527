"""Takes keys out of a YAML text and puts others in, everything else staying as people wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import yaml

_COMMENT_LINE = re.compile(r"[ \t]*#[^\n]*\n")
_COMMENT = re.compile(r"#[^\n]*")


class Edit(NamedTuple):
    """Characters `start` up to, not including, `end` make way for a text."""

    start: int
    end: int
    text: str


class Pair(NamedTuple):
    """One key of a mapping, with its value."""

    key: yaml.Node
    value: yaml.Node

    @property
    def start(self) -> int:
        """Where the key begins."""
        return int(self.key.start_mark.index)

    @property
    def end(self) -> int:
        """Where the value ends; a comment may follow."""
        return _end(self.value)


class Removed(NamedTuple):
    """Keys of one mapping that are taken out, and the comments that go with each."""

    edits: tuple[Edit, ...]
    comments: dict[str, tuple[str, ...]]
    """Key to the comments above it, and then the one behind it."""


class Lines(NamedTuple):
    """The lines of one key of a block mapping, the comments right above it included."""

    start: int
    key: int
    """Where the line of the key begins."""
    end: int
    """Where the next line begins."""


def lines_of(text: str, pair: Pair) -> Lines:
    """Where a key of a block mapping stands."""
    return Lines(_above(text, pair.start), _line_start(text, pair.start), _line_end(text, pair.end))


def indented(text: str, by: str) -> str:
    """Lines further to the right; empty ones stay empty."""
    return "".join(f"{by}{line}" if line.strip() else line for line in text.splitlines(True))


def lines(comments: Iterable[str]) -> str:
    """Comments as they may stand between any two keys within braces."""
    return "".join(f"\n{comment}\n" for comment in comments)


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made."""
    pieces, at = [], 0
    for edit in sorted(edits):
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def pairs(node: yaml.Node | None) -> Iterator[tuple[str, Pair]]:
    """The keys of a mapping with their values; of anything else, none."""
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), Pair(key, value)) for key, value in node.value)


def member(node: yaml.Node | None, name: str) -> Pair | None:
    """The key of this name."""
    return next((pair for key, pair in pairs(node) if key == name), None)


def source_of(text: str, node: yaml.Node) -> str:
    """A node as it is written."""
    return text[node.start_mark.index : node.end_mark.index].rstrip()


def without(text: str, node: yaml.MappingNode, names: Iterable[str]) -> Removed:
    """What takes these keys out of a mapping that keeps at least one other."""
    gone = set(names)
    if node.flow_style:
        return _out_of_flow(text, node, gone)
    edits, comments = [], {}
    for name, pair in pairs(node):
        if name in gone:
            start, end = _above(text, pair.start), _line_end(text, pair.end)
            edits.append(Edit(start, end, ""))
            comments[name] = tuple(_comments(text, start, pair.start, pair.end, end))
    return Removed(tuple(edits), comments)


def in_front(text: str, pair: Pair) -> int:
    """Where a new key of a block mapping goes in front of one that is there, comments and all."""
    start = _above(text, pair.start)
    return _line_start(text, pair.start) if start == 0 else start


def _out_of_flow(text: str, node: yaml.MappingNode, gone: set[str]) -> Removed:
    """The same within braces, where a comma goes, too."""
    edits: list[Edit] = []
    comments: dict[str, tuple[str, ...]] = {}
    kept: Pair | None = None
    run: list[tuple[str, Pair]] = []
    for name, pair in pairs(node):
        if name in gone:
            run.append((name, pair))
            continue
        if run:
            edits.append(Edit(run[0][1].start, pair.start, ""))
            comments |= _comments_of_run(text, run, run[0][1].start, pair.start)
        kept, run = pair, []
    if run and kept is not None:
        edits.append(Edit(kept.end, run[-1][1].end, ""))
        comments |= _comments_of_run(text, run, kept.end, run[-1][1].end)
    return Removed(tuple(edits), comments)


def _comments_of_run(
    text: str, run: list[tuple[str, Pair]], start: int, end: int
) -> dict[str, tuple[str, ...]]:
    """The comments among neighbours that are taken out, by key: those before and behind it."""
    found = {}
    for number, (name, pair) in enumerate(run):
        before = start if number == 0 else pair.start
        after = run[number + 1][1].start if number + 1 < len(run) else max(end, pair.end)
        found[name] = tuple(_comments(text, before, pair.start, pair.end, after))
    return found


def _comments(text: str, start: int, key: int, end: int, stop: int) -> Iterator[str]:
    """The comments from `start` to a key and from its value's end to `stop`."""
    for piece in (text[start:key], text[end:stop]):
        yield from (one.rstrip() for one in _COMMENT.findall(piece))


def _end(node: yaml.Node) -> int:
    """Where a node's text ends; PyYAML lets a block end where the next key begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """Where the next line begins; a value that ends with its line has its end there already."""
    if index > 0 and text[index - 1] == "\n":
        return index
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _above(text: str, index: int) -> int:
    """Where the comments right above a key's line begin, those that begin where the key does."""
    start = _line_start(text, index)
    column = index - start
    while start > 0:
        above = _line_start(text, start - 1)
        line = text[above:start]
        if not _COMMENT_LINE.fullmatch(line) or line.index("#") != column:
            break
        start = above
    return start
