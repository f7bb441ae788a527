"""The fakes do what they are told to."""

from __future__ import annotations

import pytest

from controller.model.errors import ProviderUnavailableError
from controller.model.levers import Outcome, OutcomeStatus
from tests.fakes.trouble import Trouble


class _Target:
    def __init__(self) -> None:
        self.applied = 0

    def apply(self) -> Outcome:
        self.applied += 1
        return Outcome(OutcomeStatus.APPLIED)


@pytest.mark.parametrize(
    ("trouble", "status", "throttled", "applied"),
    [
        ("throttle_next", OutcomeStatus.REFUSED, True, 0),
        ("lose_requests", OutcomeStatus.UNKNOWN, False, 0),
        ("lose_replies", OutcomeStatus.UNKNOWN, False, 1),
    ],
)
def test_a_write_in_trouble_ends_as_told_and_the_next_is_well(
    trouble: str, status: OutcomeStatus, throttled: bool, applied: int
) -> None:
    """Only a lost reply was applied."""
    fake, target = Trouble(), _Target()
    setattr(fake, trouble, 1)
    outcome = fake.write(target.apply)

    assert (outcome.status, outcome.throttled, target.applied) == (status, throttled, applied)
    assert fake.write(target.apply).status is OutcomeStatus.APPLIED


def test_while_unavailable_nothing_is_applied() -> None:
    """Questions raise, writes are unknown."""
    fake, target = Trouble(), _Target()
    fake.unavailable = True

    assert fake.write(target.apply).status is OutcomeStatus.UNKNOWN
    assert target.applied == 0
    with pytest.raises(ProviderUnavailableError):
        fake.question()
