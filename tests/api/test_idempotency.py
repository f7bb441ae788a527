"""An order that is sent twice, because its response was lost, is carried out once."""

from __future__ import annotations

import asyncio
import zlib
from random import Random

import pytest
from aiohttp import web

from controller.api.http import idempotency
from controller.api.http.idempotency import IdempotencyCache
from controller.api.http.problems import ProblemError
from tests.api.callers import bearer, guarded
from tests.api.serving import api
from tests.fakes.clock import FakeClock

DRAIN = {"kind": "drain", "region": "eu-west-1", "reason": "INC-42"}
KEY = {"Idempotency-Key": "4711"}


async def test_the_same_order_again_gets_the_same_response() -> None:
    """No override is set, and a header says that the response is a replay."""
    async with api(running=False) as served:
        first = await served.post("/v1/overrides", json=DRAIN, headers=KEY)
        await served.delete(first.headers["Location"])
        again = await served.post("/v1/overrides", json=DRAIN, headers=KEY)

        assert served.controller.overrides.active() == ()
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_a_repeated_order_gets_its_response_although_the_state_has_changed() -> None:
    """The order itself changed it; If-Match must not refuse the repetition."""
    headers = {**bearer("operator"), **KEY}
    async with api(guarded(), running=False) as served:
        preview = await served.post("/v1/overrides?dry_run=true", json=DRAIN, headers=headers)
        based = {**headers, "If-Match": preview.headers["ETag"]}
        answers = [await served.post("/v1/overrides", json=DRAIN, headers=based) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 201]


async def test_the_same_key_for_another_order_is_refused() -> None:
    """422: the key is a mistake of the caller."""
    async with api(running=False) as served:
        await served.post("/v1/overrides", json=DRAIN, headers=KEY)
        other = await served.post(
            "/v1/overrides", json={**DRAIN, "region": "us-east-1"}, headers=KEY
        )

    assert other.status == 422
    assert other.body["field"] == "Idempotency-Key"


async def test_each_caller_has_keys_of_its_own() -> None:
    """Two callers may choose the same one."""
    async with api(guarded(), running=False) as served:
        answers = [
            await served.post(
                "/v1/overrides", json=DRAIN, headers={**bearer(who), **KEY, "If-Match": "*"}
            )
            for who in ("operator", "admin")
        ]

    assert [answer.body["author"] for answer in answers] == ["operator", "admin"]


async def test_an_order_that_failed_may_be_sent_again() -> None:
    """The key is not used up until an order is carried out."""
    async with api(running=False) as served:
        served.world.store.unavailable = True
        refused = await served.post("/v1/overrides", json=DRAIN, headers=KEY)
        served.world.store.unavailable = False
        taken = await served.post("/v1/overrides", json=DRAIN, headers=KEY)

    assert (refused.status, taken.status) == (503, 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "ümlaut"])
async def test_a_key_is_short_and_printable(key: str) -> None:
    """Thousands of keys stay in memory."""
    async with api(running=False) as served:
        answer = await served.post("/v1/overrides", json=DRAIN, headers={"Idempotency-Key": key})

    assert answer.status == 400
    assert answer.body["field"] == "Idempotency-Key"


async def done() -> web.Response:
    return web.Response(text="done")


@pytest.mark.looptime
async def test_while_the_first_order_is_carried_out_the_second_gets_409() -> None:
    """Two orders with the same key are never carried out at the same time."""
    cache, finish = IdempotencyCache(FakeClock()), asyncio.Event()

    async def slow() -> web.Response:
        await finish.wait()
        return await done()

    async with asyncio.TaskGroup() as group:
        first = group.create_task(cache.once("ann", "1", b"", slow))
        await asyncio.sleep(1)
        with pytest.raises(ProblemError, match="is being carried out") as refused:
            await cache.once("ann", "1", b"", done)
        finish.set()
    assert refused.value.status == 409
    assert first.result().text == "done"


@pytest.mark.looptime
async def test_responses_are_evicted_after_a_day_and_above_a_thousand() -> None:
    """The oldest first."""
    cache, acts = IdempotencyCache(FakeClock()), 0

    async def counted() -> web.Response:
        nonlocal acts
        acts += 1
        return await done()

    for number in range(1_001):
        await cache.once("ann", str(number), b"", counted)
    assert acts == 1_001
    await cache.once("ann", "1000", b"", counted)
    assert acts == 1_001
    await cache.once("ann", "0", b"", counted)
    assert acts == 1_002
    await asyncio.sleep(86_401)
    await cache.once("ann", "1000", b"", counted)
    assert acts == 1_003


@pytest.mark.looptime
async def test_responses_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are evicted first; the others are replayed unchanged."""
    text = Random(1).randbytes(50_000).hex() + "→"
    monkeypatch.setattr(idempotency, "_MAX_BYTES", 3 * len(zlib.compress(text.encode())))
    cache, acts = IdempotencyCache(FakeClock()), 0

    async def large() -> web.Response:
        nonlocal acts
        acts += 1
        return web.Response(text=text, status=201, headers={"ETag": "x"})

    for number in range(6):
        await cache.once("ann", str(number), b"", large)
    assert acts == 6
    for number in (3, 4, 5):
        again = await cache.once("ann", str(number), b"", large)
        assert (again.text, again.status, again.headers["ETag"]) == (text, 201, "x")
    assert acts == 6
    await cache.once("ann", "1", b"", large)
    assert acts == 7
