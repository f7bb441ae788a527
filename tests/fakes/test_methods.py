"""Methods are replaced on one object, and only methods are."""

from __future__ import annotations

import pytest

from tests.fakes.methods import Method


class _Counter:
    def count(self) -> int:
        return 1


def test_a_method_is_replaced_on_one_object_until_the_block_ends() -> None:
    """Another object of the class keeps its own."""
    one, other = _Counter(), _Counter()
    with Method(one.count).replaced(lambda: 2):
        assert (one.count(), other.count()) == (2, 1)

    assert one.count() == 1


def test_what_is_no_method_of_an_object_is_refused() -> None:
    """Such as one that is replaced already: there would be two to restore."""
    one = _Counter()
    Method(one.count).replace(lambda: 2)

    with pytest.raises(TypeError, match="not a method of an object, or replaced already"):
        Method(one.count)
