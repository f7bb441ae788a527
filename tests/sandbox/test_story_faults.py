"""The story of the worst ten: what it says of users. That it plays is `make demo STORY=faults`."""

from __future__ import annotations

from controller.sandbox.story import STORIES
from controller.sandbox.story_faults import ACTS, _failed, _whereabouts

USERS = {
    ("shop", "europe"): {"eu-west-1": {"requests": 30, "errors": 3, "share": 1.0}},
    ("shop", "world"): {
        "eu-west-1": {"requests": 10, "errors": 0, "share": 0.25},
        "none": {"requests": 30, "errors": 30, "share": 0.75},
    },
    ("api", "world"): {"us-east-1": {"requests": 30, "errors": 0, "share": 1.0}},
}


def test_there_are_ten_acts_by_different_names() -> None:
    """And people can ask for them by the story's name."""
    assert len({act.title for act in ACTS}) == len(ACTS) == 10
    assert "faults" in STORIES


def test_the_failed_part_is_that_of_all_users() -> None:
    """Of both services, whoever could not even be told where to go included."""
    assert _failed(USERS) == "33.0%"
    assert _failed({}) == "–"


def test_where_the_shops_users_were_is_told_pool_by_pool() -> None:
    """Those who were sent nowhere stand as such."""
    assert _whereabouts(USERS) == "europe: eu-west-1 100%; world: eu-west-1 25%, none 75%"
