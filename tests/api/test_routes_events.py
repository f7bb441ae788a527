"""The event stream over real sockets: format, continuation, filters, heartbeats, quick end."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from controller.api.app import build
from controller.api.http.server import serving
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.api.routes import events
from controller.composition import compose
from controller.loops import event_stream
from controller.loops.event_stream import MAX_EVENTS, EventStream
from controller.model.events import EventType
from tests.api.callers import bearer, guarded
from tests.api.serving import Api, api
from tests.loops.simulated import World
from tests.loops.test_event_stream import FREEZE

_STREAMS = 50


def happen(live: EventStream, *types: EventType) -> None:
    """Publish events of these types."""
    for type_ in types:
        live.on_override(type_, FREEZE, "ann")


async def block(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The next block of a stream as field to value; a comment has the empty name."""
    fields = {}
    async with asyncio.timeout(5):
        while line := (await response.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
    return fields


async def opened(served: Api, query: str = "", last: int | None = None) -> Any:
    """A stream whose first block was read."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    response = await served.client.get(f"/v1/events{query}", headers=headers)
    assert response.status == 200
    assert response.content_type == "text/event-stream"
    assert (await block(response))["retry"] == "1000"
    return response


async def test_an_event_has_its_id_its_type_and_its_data_in_one_line() -> None:
    """The format that browsers and curl expect."""
    async with api(running=False) as served:
        stream = await opened(served)
        happen(served.controller.event_stream, EventType.OVERRIDE_SET)
        fields = await block(stream)
        assert fields["id"] == str(served.controller.event_stream.last_id)
        assert fields["event"] == "override_set"
        event = json.loads(fields["data"])
        assert event["data"]["override"]["author"] == event["data"]["actor"] == "ann"
        assert event["at"].endswith("Z")
        assert event in (await served.get("/v1/events/recent")).body["items"]
        stream.close()


async def test_the_last_id_is_sent_before_the_first_event() -> None:
    """A connection that breaks before the first event can then continue without loss."""
    async with api(running=False) as served:
        live = served.controller.event_stream
        response = await served.client.get("/v1/events")
        assert (await block(response))["id"] == str(live.last_id)
        response.close()


async def test_last_event_id_continues_after_that_event() -> None:
    """Events of the time between come first."""
    async with api(running=False) as served:
        live = served.controller.event_stream
        happen(live, *[EventType.OVERRIDE_SET] * 3)
        stream = await opened(served, last=live.last_id - 2)
        ids = [(await block(stream))["id"] for _ in range(2)]
        assert ids == [str(live.last_id - 1), str(live.last_id)]
        stream.close()


async def test_an_id_that_is_no_longer_kept_begins_with_a_resync() -> None:
    """The client reads everything again and continues."""
    async with api(running=False) as served:
        stream = await opened(served, last=1)
        assert (await block(stream))["event"] == "resync"
        stream.close()


async def test_types_filter_the_events() -> None:
    """Events of other types are not sent."""
    async with api(running=False) as served:
        stream = await opened(served, "?types=decision,override_ended")
        happen(served.controller.event_stream, EventType.OVERRIDE_SET, EventType.OVERRIDE_ENDED)
        assert (await block(stream))["event"] == "override_ended"
        stream.close()


@pytest.mark.parametrize(
    ("query", "headers", "field", "says"),
    [
        ("?types=decison", {}, "types", "did you mean decision?"),
        ("?types=", {}, "types", "no events are of type ''"),
        ("?type=decision", {}, "type", "did you mean types?"),
        ("", {"Last-Event-ID": "x"}, "Last-Event-ID", "not 'x'"),
        ("", {"Last-Event-ID": "9" * 40}, "Last-Event-ID", "an id that a stream gave"),
    ],
)
async def test_invalid_parameters_are_refused(
    query: str, headers: dict[str, str], field: str, says: str
) -> None:
    """The error names what is wrong and what is valid."""
    async with api(running=False) as served:
        found = await served.get(f"/v1/events{query}", headers=headers)
        assert (found.status, found.body["field"]) == (400, field)
        assert says in found.body["detail"]


async def test_heartbeats_are_comments_with_the_last_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both sides notice a broken connection, and a filter does not delay the last id."""
    monkeypatch.setattr(events, "_HEARTBEAT_S", 0.02)
    async with api(running=False) as served:
        stream = await opened(served, "?types=decision")
        happen(served.controller.event_stream, EventType.OVERRIDE_SET)
        fields = await block(stream)
        while fields["id"] != str(served.controller.event_stream.last_id):
            fields = await block(stream)
        assert fields[""] == "still here"
        stream.close()


async def test_a_client_that_disconnects_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No subscription stays."""
    monkeypatch.setattr(events, "_HEARTBEAT_S", 0.02)
    async with api(running=False) as served:
        stream = await opened(served)
        assert served.controller.event_stream.listeners == 1
        stream.close()
        await served.until(lambda: served.controller.event_stream.listeners == 0)


async def test_a_client_that_reads_nothing_gets_a_resync_or_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither the daemon nor another client waits for it, and no memory grows for it."""
    monkeypatch.setattr(events, "_WRITE_DEADLINE_S", 0.2)
    async with api(running=False) as served:
        live = served.controller.event_stream
        port = urlsplit(served.url).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await served.until(lambda: live.listeners == 1)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 30
        while live.listeners and loop.time() < deadline:
            happen(live, *[EventType.OVERRIDE_SET] * MAX_EVENTS)
            await asyncio.sleep(0.005)
        assert live.listeners == 0
        writer.close()
        del reader


async def test_a_slow_client_gets_a_resync_and_then_new_events() -> None:
    """It missed more events than are kept."""
    async with api(running=False) as served:
        live = served.controller.event_stream
        stream = await opened(served)
        happen(live, *[EventType.OVERRIDE_SET] * (MAX_EVENTS + 1))
        assert (await block(stream))["event"] == "resync"
        happen(live, EventType.OVERRIDE_ENDED)
        assert (await block(stream))["event"] == "override_ended"
        stream.close()


async def test_a_callers_newest_stream_takes_the_place_of_its_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Streams that somebody opened and never reads lock out nobody, and no other caller's ends."""
    monkeypatch.setattr(event_stream, "MAX_OWNED", 3)
    async with api(guarded(), running=False) as served:
        others = await served.client.get("/v1/events", headers=bearer("operator"))
        mine = [await served.client.get("/v1/events", headers=bearer("viewer")) for _ in range(5)]
        assert [one.status for one in mine] == [200] * 5
        for ended in mine[:2]:
            await asyncio.wait_for(ended.content.read(), 5)
        assert served.controller.event_stream.listeners == 4
        assert not others.content.at_eof()
        for one in (*mine, others):
            one.close()


async def test_when_all_are_taken_the_caller_with_most_gives_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its oldest."""
    monkeypatch.setattr(event_stream, "MAX_LISTENERS", 3)
    async with api(guarded(), running=False) as served:
        mine = [await served.client.get("/v1/events", headers=bearer("viewer")) for _ in range(3)]
        other = await served.client.get("/v1/events", headers=bearer("operator"))
        assert other.status == 200
        await asyncio.wait_for(mine[0].content.read(), 5)
        assert served.controller.event_stream.listeners == 3
        for one in (*mine, other):
            one.close()


async def test_fifty_open_streams_do_not_delay_the_end() -> None:
    """They end as if nothing more were to come; one that waits for a time-out would be cut off."""
    world = World()
    metrics = DaemonMetrics(CollectorRegistry(), world.settings)
    controller = compose(world.settings, world.ports(), metrics)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        async with serving(build(controller.api_dependencies()), "127.0.0.1", 0) as url:
            streams = [await session.get(f"{url}/v1/events") for _ in range(_STREAMS)]
            for stream in streams:
                assert (await block(stream))["retry"] == "1000"
        for stream in streams:
            assert await stream.content.read() == b""


async def test_the_newest_events_can_be_read_without_a_stream() -> None:
    """As a list, with the id after which a stream continues."""
    async with api(running=False) as served:
        live = served.controller.event_stream
        happen(live, EventType.OVERRIDE_SET, EventType.OVERRIDE_ENDED, EventType.OVERRIDE_SET)
        found = await served.get("/v1/events/recent?limit=1&types=override_set")
        [item] = found.body["items"]
        assert (item["id"], item["type"]) == (live.last_id, "override_set")
        assert found.body["last_id"] == live.last_id
        assert (await served.get("/v1/events/recent?limit=501")).status == 400


async def test_a_failover_is_streamed_as_it_happens() -> None:
    """Loops, event stream and socket together."""
    async with api() as served:
        stream = await opened(served, "?types=decision")
        await served.fail("eu-west-1")
        data = json.loads((await block(stream))["data"])["data"]
        while not any(m["after"] == 0 and m["service"] == "shop" for m in data["moves"]):
            data = json.loads((await block(stream))["data"])["data"]
        assert data["outcomes"] == ["applied"]
        assert any("eu-west-1 up → down" in line for line in data["trigger"])
        stream.close()
