"""Which leaks are news."""

from __future__ import annotations

from dataclasses import replace

from controller.model.levers import Leak, Observed
from controller.planning.residency.new_leaks import new_leaks

LEAK = Leak("shop", "eu", ("country:DE",), "us-east-1", (), (), ("a", "b"), "because")


def observed(*leaks: Leak) -> dict[str, Observed]:
    return {"shop": Observed(0.0, {}, leaks={"eu": leaks})}


def test_what_was_there_before_is_no_news_however_it_is_put() -> None:
    """The reasons name the pool's regions, which may have changed."""
    assert new_leaks(observed(LEAK), observed(replace(LEAK, why="for other reasons"))) == ()
    assert new_leaks(observed(LEAK), observed()) == ()


def test_more_users_another_way_or_another_pool_are_news() -> None:
    """And everything is where nothing was known."""
    more = replace(LEAK, geographies=("country:DE", "country:IT"))
    other = replace(LEAK, path=("a", "c"))
    assert new_leaks(observed(LEAK), observed(more, other)) == (more, other)
    assert new_leaks({}, observed(LEAK)) == (LEAK,)
