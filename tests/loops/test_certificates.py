"""Warnings of certificates that end soon."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from controller.loops.active_settings import ActiveSettings
from controller.loops.alarms.certificates import Certificates
from controller.model.configuration import EndpointId
from controller.model.health import ProbeOutcome, ProbeResult
from tests.fakes.clock import NOON, FakeClock
from tests.loops.small import WEST, logged, small

pytestmark = pytest.mark.looptime

WEB = EndpointId("shop", WEST, "web")
DAY = timedelta(days=1)


def seen(ends_at: datetime | None) -> ProbeResult:
    return ProbeResult(ProbeOutcome.PASSED, 0.0, 0.01, "200", ends_at)


async def test_a_certificate_that_ends_soon_is_named_once_a_day() -> None:
    """However often it is seen; its successor is warned of anew."""
    certificates = Certificates(ActiveSettings(small()), FakeClock())
    with logged() as lines:
        for _ in range(3):
            certificates.on_probe(WEB, seen(NOON + 14.5 * DAY))
            certificates.on_probe(WEB, seen(NOON + 13.5 * DAY))
            certificates.on_probe(WEB, seen(NOON + 12.5 * DAY))
        certificates.on_probe(WEB, seen(None))
        assert len(lines) == 2  # two servers take turns; the third's certificate is good
        await asyncio.sleep(DAY.total_seconds())
        certificates.on_probe(WEB, seen(NOON + 13.5 * DAY))

    assert lines[-1] == {
        "event": "certificate_ends_soon",
        "log_level": "warning",
        "endpoint": f"shop/{WEST}/web",
        "ends_at": "2026-06-15T00:00:00+00:00",
        "days_left": 12.5,
    }
    assert len(lines) == 3


async def test_certificates_with_time_left_are_not_warned_of() -> None:
    """So many days before the end as the settings say."""
    certificates = Certificates(
        ActiveSettings(small(probing={"certificate_warn_days": 2.0})), FakeClock()
    )
    with logged() as lines:
        certificates.on_probe(WEB, seen(NOON + 3 * DAY))
    assert lines == []


async def test_an_endpoint_that_is_gone_is_forgotten() -> None:
    """And warned of again, should it come back."""
    active_settings = ActiveSettings(small())
    certificates = Certificates(active_settings, FakeClock())
    other = EndpointId("gone", WEST, "web")
    with logged() as lines:
        for _ in range(2):
            certificates.on_probe(WEB, seen(NOON + DAY))
            certificates.on_probe(other, seen(NOON + DAY))
            certificates.apply_settings()
    assert [line["endpoint"] for line in lines] == [str(WEB), str(other), str(other)]
