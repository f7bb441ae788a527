"""The audit's head in the log: once when it changes, and never in the way."""

from __future__ import annotations

import asyncio

import pytest

from controller.loops.process.audit_head import EVERY_S, AuditHead
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.store import FakeStore
from tests.loops.small import events, in_background, logged

pytestmark = pytest.mark.looptime


async def test_a_changed_head_is_logged_within_an_hour() -> None:
    """One that is as it was is not told again."""
    store = FakeStore()
    with logged() as lines:
        async with in_background(AuditHead(store, FakeClock()).run()):
            await asyncio.sleep(2 * EVERY_S + 1)
            await store.audit(at=NOON, actor="ana", action="reload", detail="")
            await asyncio.sleep(3 * EVERY_S)

    assert [(line["event"], line["head"]) for line in lines] == [
        ("audit_head", str(await store.audit_head()))
    ]


async def test_a_store_that_fails_is_logged_and_asked_again() -> None:
    """The daemon goes on."""
    store = FakeStore()
    await store.audit(at=NOON, actor="ana", action="reload", detail="")
    store.unavailable = True
    with logged() as lines:
        async with in_background(AuditHead(store, FakeClock()).run()):
            await asyncio.sleep(1)
            store.unavailable = False
            await asyncio.sleep(EVERY_S)

    assert events(lines) == ["audit_head_unknown", "audit_head"]
