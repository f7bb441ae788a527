"""The status that the sandbox shows while it runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.sandbox.live_status import MeasuredSplit, Overview, headline, line, table

SPLITS = (
    MeasuredSplit("shop", "europe", "eu-west-1", 500, 0, 1.0),
    MeasuredSplit("shop", "world", "eu-west-1", 250, 10, 0.25),
    MeasuredSplit("shop", "world", "us-east-1", 750, 0, 0.75),
)
ALIVE = {"aws": True, "world": True, "daemon": True}
WELL = {"eu-west-1": "well", "us-east-1": "well"}


def overview(children: dict[str, bool] = ALIVE, modes: dict[str, str] | None = WELL) -> Overview:
    return Overview(children, modes, SPLITS if modes else (), 5)


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (overview(), "all regions well"),
        (overview(modes=WELL | {"eu-west-1": "dead"}), "eu-west-1 dead"),
        (overview(children=ALIVE | {"daemon": False}), "daemon has ended"),
        (
            overview(children=ALIVE | {"world": False}, modes=None),
            "world has ended, the world does not answer",
        ),
        (
            replace(overview(), faults=("throttle", "gone")),
            "fault throttle, fault gone",
        ),
    ],
)
def test_the_headline_names_what_is_not_normal(seen: Overview, text: str) -> None:
    """Broken regions and ended children; otherwise that all is well."""
    assert headline(seen) == text


def test_a_line_has_every_pools_split_and_the_errors() -> None:
    """A log of such lines shows users moving."""
    assert line(overview()) == (
        "all regions well | shop/europe eu-west-1 100% | "
        "shop/world eu-west-1 25%  us-east-1 75% | errors 0.7%"
    )
    assert line(overview(modes=None)).endswith("| errors –")


def test_the_table_is_aligned() -> None:
    """One row for each pool: requests per second, errors, shares."""
    assert table(overview()).splitlines() == [
        "all regions well",
        "shop/europe  100/s  0.0% errors  eu-west-1 100%",
        "shop/world   200/s  1.0% errors  eu-west-1 25%  us-east-1 75%",
    ]
