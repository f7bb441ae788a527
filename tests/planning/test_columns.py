"""Rows with their columns under each other."""

from __future__ import annotations

from controller.planning.account.columns import aligned


def test_columns_stand_under_each_other_and_lines_end_without_spaces() -> None:
    """Every column is as wide as its widest cell."""
    assert aligned([("a", "bb", "c"), ("aaa", "b", "")]) == ["a    bb  c", "aaa  b"]


def test_a_column_that_is_empty_everywhere_takes_no_room() -> None:
    """A preview without weights has no gap where weights would stand."""
    assert aligned([("a", "", "c"), ("b", "", "d")]) == ["a  c", "b  d"]


def test_no_rows_are_no_lines() -> None:
    """An empty plan is not an error."""
    assert aligned([]) == []
