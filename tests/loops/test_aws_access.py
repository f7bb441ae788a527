"""Which operations AWS denies the daemon, as its answers tell."""

from __future__ import annotations

import asyncio

import pytest

from controller.loops.process.aws_access import AwsAccess
from controller.model.aws_calls import AwsCall
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime


class _Access:
    """An AwsAccess, and what it shows as a metric."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.shown: dict[str, bool] = {}
        self.access = AwsAccess(self.clock, self.shown.__setitem__)

    def call(self, operation: str, outcome: str, denial: str | None = None) -> None:
        """One call of Route 53 that ended."""
        self.access.observe(AwsCall("route53", operation, outcome, 0.1, denial))

    @property
    def denied(self) -> list[str]:
        """The denied operations."""
        return [denial.operation for denial in self.access.denials()]


async def test_an_operation_is_denied_until_it_is_answered() -> None:
    """Whatever the answer, if it is not the same denial."""
    for outcome in ("ok", "refused", "throttled"):
        access = _Access()
        access.call("GetChange", "refused", "ExpiredToken: old")
        assert (access.denied, access.shown) == (["GetChange"], {"route53": True})
        access.call("GetChange", outcome)
        assert (access.denied, access.shown) == ([], {"route53": False})


async def test_no_answer_changes_nothing() -> None:
    """Neither is a denial forgotten nor one made of it."""
    access = _Access()
    access.call("GetChange", "unknown")
    assert access.denied == []
    access.call("GetChange", "refused", "ExpiredToken: old")
    access.call("GetChange", "unknown")
    assert access.denied == ["GetChange"]


async def test_a_service_is_refused_while_any_operation_is() -> None:
    """A right that one operation lacks is not hidden by the others."""
    access = _Access()
    access.call("ChangeResourceRecordSets", "refused", "AccessDenied: no")
    access.call("GetChange", "refused", "AccessDenied: no")
    access.call("GetChange", "ok")

    assert access.denied == ["ChangeResourceRecordSets"]
    assert access.shown == {"route53": True}


async def test_the_time_is_that_of_the_first_refusal_in_a_row() -> None:
    """The reason is the last one."""
    access = _Access()
    access.call("GetChange", "refused", "ExpiredToken: old")
    await asyncio.sleep(40)
    access.call("GetChange", "refused", "AccessDenied: no")
    (denial,) = access.access.denials()

    assert denial.text(access.clock.monotonic()) == "GetChange refused for 40 s: AccessDenied: no"
