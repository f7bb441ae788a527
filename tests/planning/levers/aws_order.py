"""Route 53's order of record sets, as its API reference states it (*ListResourceRecordSets*)."""

from __future__ import annotations

from collections.abc import Iterable

from controller.model.levers import RecordSet

_CHARACTERS = {"\\052": "*", "\\100": "@"}
"""Codes by which listings spell characters, whose order is that of the characters."""


def in_aws_order(records: Iterable[RecordSet]) -> list[RecordSet]:
    """By name with labels reversed and a dot behind each, by type, by SetIdentifier."""
    return sorted(records, key=_key)


def _key(record: RecordSet) -> tuple[str, str, str]:
    name = record.name
    for code, character in _CHARACTERS.items():
        name = name.replace(code, character)
    labels = name.rstrip(".").split(".")
    backwards = "".join(f"{label}." for label in reversed(labels))
    return backwards, record.type, record.set_identifier or ""
