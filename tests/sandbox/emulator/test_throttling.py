"""The account's request rate at Route 53."""

from controller.sandbox.emulator.faults.throttling import AccountRate
from tests.sandbox.emulator.builders import Clock


def test_an_account_has_fifty_requests_at_once_and_ten_a_second() -> None:
    """Developer guide, *Throttling for Amazon Route 53 API requests*."""
    clock = Clock()
    rate = AccountRate(clock)
    at_once = [rate.allows("route53", "ListResourceRecordSets") for _ in range(60)]
    clock.advance(1)
    a_second_later = [rate.allows("route53", "GetChange") for _ in range(20)]

    assert at_once == [True] * 50 + [False] * 10
    assert a_second_later == [True] * 10 + [False] * 10


def test_health_check_status_has_four_at_once_and_one_a_second() -> None:
    """These calls count for the account, too."""
    clock = Clock()
    rate = AccountRate(clock)
    at_once = [rate.allows("route53", "GetHealthCheckStatus") for _ in range(6)]
    clock.advance(1)
    later = [rate.allows("route53", "GetHealthCheckStatus") for _ in range(2)]
    others = [rate.allows("route53", "GetChange") for _ in range(60)]

    assert at_once == [True] * 4 + [False] * 2
    assert later == [True, False]
    assert others.count(True) == 49


def test_no_rate_is_documented_for_global_accelerator() -> None:
    """It is throttled by count only."""
    rate = AccountRate(Clock())

    assert all(rate.allows("globalaccelerator", "UpdateEndpointGroup") for _ in range(500))
