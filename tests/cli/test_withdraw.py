"""The preview of ending orders. `test_drain`, `test_freeze` and `test_pin` have their end."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("undrain", "eu-west-1"), [3, 4]),
        (("unfreeze",), [5]),
    ],
)
def test_a_dry_run_shows_the_plan_after_each_order_that_would_end(
    active_orders: FakeDaemon, gtc: Run, command: tuple[str, ...], expected: list[int]
) -> None:
    """No order ends."""
    for number in expected:
        plan = {"text": f"~ shop/world  eu-west-1  0 % → 25 %  of {number}"}
        active_orders.answers(f"GET /v1/overrides/{number}/ending", plan)
    lines = gtc(*command, "--dry-run").stdout.splitlines()

    shown = [line for line in lines if line.startswith("If override ")]
    assert [int(line.split()[2]) for line in shown] == expected
    assert [line.rpartition(" ")[2] for line in lines if line.startswith("~")] == list(
        map(str, expected)
    )
    assert active_orders.deleted() == []
