"""Edits that move jurisdiction and price of each service's regions to one catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from controller.model.configuration.earlier_settings import CATALOGUED_KEYS
from controller.settings.migration.yaml_edits import (
    Edit,
    Pair,
    comment_lines,
    insertion_index,
    member,
    pairs,
    removal_of,
    source_of,
)

_HEADING = "# What is the same of a region for every service; services refer to it by its name."


@dataclass
class _Entry:
    """One region of the catalogue, as source texts."""

    name: str
    values: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Key to the source texts of the key and of its value."""
    comments: dict[str, list[str]] = field(default_factory=dict)
    """Key to its distinct comments in all services."""


def catalogue_edits(text: str, root: yaml.MappingNode) -> Iterator[Edit]:
    """Edits that remove the moved keys from each service and insert the catalogue before them."""
    services = member(root, "services")
    if services is None:
        return
    catalogue: dict[str, _Entry] = {}
    for name, region in _regions(services):
        entry = catalogue.setdefault(name, _Entry(source_of(text, region.key)))
        assert isinstance(region.value, yaml.MappingNode), "the file has no mistakes"
        removed = removal_of(text, region.value, CATALOGUED_KEYS)
        _note(entry, text, region.value, removed.comments)
        yield from removed.edits
    if root.flow_style:
        yield Edit(services.start, services.start, _flow(catalogue, text[services.start]))
    else:
        at = insertion_index(text, services)
        indent = " " * int(services.key.start_mark.column)
        yield Edit(at, at, "".join(f"{indent}{line}\n" for line in _block(catalogue)) + "\n")


def _regions(services: Pair) -> Iterator[tuple[str, Pair]]:
    for _, service in pairs(services.value):
        regions = member(service.value, "regions")
        yield from pairs(regions.value if regions else None)


def _note(
    entry: _Entry, text: str, node: yaml.MappingNode, comments: Mapping[str, tuple[str, ...]]
) -> None:
    for key in CATALOGUED_KEYS:
        pair = member(node, key)
        if pair is None:
            continue
        entry.values.setdefault(key, (source_of(text, pair.key), _one_line(text, pair.value)))
        known = entry.comments.setdefault(key, [])
        known += [comment for comment in comments[key] if comment not in known]


def _one_line(text: str, node: yaml.Node) -> str:
    """Source text of a value in one line; a value in several lines as a JSON text."""
    source = source_of(text, node)
    is_plain = "\n" not in source and not source.startswith(("|", ">"))
    return source if is_plain else json.dumps(node.value, ensure_ascii=False)


def _block(catalogue: Mapping[str, _Entry]) -> Iterator[str]:
    yield _HEADING
    yield "regions:"
    for entry in catalogue.values():
        yield f"  {entry.name}:"
        for key, (name, value) in entry.values.items():
            yield from (f"    {comment}" for comment in entry.comments[key])
            yield f"    {name}: {value}"


def _flow(catalogue: Mapping[str, _Entry], quote: str) -> str:
    """The catalogue in flow style, with the quotes of the key after it, so that JSON stays JSON."""
    entries = []
    for entry in catalogue.values():
        members = ", ".join(f"{name}: {value}" for name, value in entry.values.values())
        entries.append(f"{entry.name}: {{{members}}}")
    key = f"{quote}regions{quote}" if quote in "\"'" else "regions"
    comments = [c for e in catalogue.values() for found in e.comments.values() for c in found]
    return f"{comment_lines(comments)}{key}: {{{', '.join(entries)}}}, "
