"""`gtc undrain`. `test_submit` has `gtc drain` and `gtc failover`."""

from __future__ import annotations

from controller.cli import exit_codes
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon

EU = "eu-west-1"


def test_undrain_ends_drains_and_failovers_of_that_region(
    active_orders: FakeDaemon, gtc: Run
) -> None:
    """The user is the author of the end."""
    result = gtc("undrain", EU)
    assert result.exit_code == exit_codes.OK
    assert result.stdout == (
        "Override 3 has ended: drain eu-west-1 by ann: INC-42.\n"
        "Override 4 has ended: failover eu-west-1 by bob: INC-7.\n"
    )
    assert active_orders.deleted() == [
        "/v1/overrides/3?author=ann",
        "/v1/overrides/4?author=ann",
    ]


def test_undrain_of_one_service_keeps_the_drains_of_other_services(
    active_orders: FakeDaemon, gtc: Run
) -> None:
    """Only the orders for that service end."""
    gtc("undrain", EU, "--service", "shop", "--author", "eve")
    assert active_orders.deleted() == ["/v1/overrides/4?author=eve"]


def test_undrain_without_a_drain_is_not_an_error(active_orders: FakeDaemon, gtc: Run) -> None:
    """A script may repeat it."""
    active_orders.answers("GET /v1/overrides", {"items": []})
    result = gtc("undrain", EU)
    assert result.exit_code == exit_codes.OK
    assert result.stdout == "Nothing to end: no drain or failover of eu-west-1 is in force.\n"


def test_undrain_of_an_unknown_region_is_an_error(active_orders: FakeDaemon, gtc: Run) -> None:
    """A typing error must not look like success."""
    result = gtc("undrain", "eu-west-9")
    assert result.exit_code == exit_codes.USAGE
    assert "Did you mean eu-west-1?" in result.stderr
