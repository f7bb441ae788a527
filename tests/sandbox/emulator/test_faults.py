"""The faults as the real SDK sees them, and their begin and end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aioboto3
import aiohttp
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from controller.sandbox.emulator.server import EmulatedAws, ServerOptions, running
from controller.sandbox.errors import SandboxError
from tests.contracts.polling import eventually
from tests.sandbox.emulator.builders import ZONE_ID, Clock, change, simple, weighted

FREE_PORTS = ServerOptions(http_port=0, control_port=0, dns_port=0)
ACCELERATOR = "00000000-0000-4000-8000-000000000001"
LEAF = "eu.example.com."


def client(
    aws: EmulatedAws, service: str = "route53", region: str = "us-east-1"
) -> AbstractAsyncContextManager[Any]:
    """The SDK's client without retries, with a timeout of half a second."""
    session: Any = aioboto3.Session()  # its types know each service by a literal
    made: AbstractAsyncContextManager[Any] = session.client(
        service,
        endpoint_url=aws.url,
        region_name=region,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",  # the emulator accepts any key
        config=Config(retries={"total_max_attempts": 1}, read_timeout=0.5),
    )
    return made


@asynccontextmanager
async def zone() -> AsyncIterator[tuple[EmulatedAws, Any, Clock]]:
    """An emulated AWS with a zone of one weighted record, its client, and its clock."""
    clock = Clock()
    async with running(FREE_PORTS, clock) as aws, client(aws) as route53:
        await route53.create_hosted_zone(Name="example.com", CallerReference=f"id:{ZONE_ID}")
        await submit(route53, "CREATE", weighted(LEAF, "eu-west-1", 64))
        clock.advance(10)
        yield aws, route53, clock


async def submit(route53: Any, action: str, record: dict[str, Any]) -> None:
    """One change through the SDK."""
    batch = {"Changes": [change(action, record)]}
    await route53.change_resource_record_sets(HostedZoneId=ZONE_ID, ChangeBatch=batch)


async def listed(route53: Any) -> list[str]:
    """Names and weights of all records but SOA and NS, by the SDK's paginator."""
    paginator = route53.get_paginator("list_resource_record_sets")
    return [
        f"{record['Name']} {record.get('Weight', '')}".strip()
        async for page in paginator.paginate(HostedZoneId=ZONE_ID)
        for record in page["ResourceRecordSets"]
        if record["Type"] not in ("SOA", "NS")
    ]


async def lists(route53: Any, line: str) -> bool:
    """Whether the zone has such a record now."""
    return line in await listed(route53)


async def is_back(aws: EmulatedAws) -> bool:
    """Whether connections are accepted again."""
    return not aws.faults.is_gone


def code(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    """The error's code and status."""
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


async def test_throttling_by_count_affects_that_many_calls() -> None:
    """With Route 53's error; the next call succeeds."""
    async with zone() as (aws, route53, _):
        await aws.faults.add("throttle", times=2)
        for _ in range(2):
            with pytest.raises(ClientError, match="Rate exceeded") as caught:
                await listed(route53)
            assert code(caught) == ("Throttling", 400)
        assert await listed(route53) == [f"{LEAF} 64"]
        assert aws.faults.active() == ()


async def test_throttling_by_rate_spares_calls_below_it() -> None:
    """Fifty at once, then ten a second of the emulator's clock."""
    async with zone() as (aws, route53, clock):
        await aws.faults.add("throttle")
        for _ in range(50):
            await route53.get_hosted_zone(Id=ZONE_ID)
        with pytest.raises(ClientError):
            await route53.get_hosted_zone(Id=ZONE_ID)
        clock.advance(0.15)
        await route53.get_hosted_zone(Id=ZONE_ID)


async def test_server_errors_and_services_gone_are_not_applied() -> None:
    """5xx with each service's codes; another service is not affected."""
    async with zone() as (aws, route53, _), client(aws, "globalaccelerator", "us-west-2") as ga:
        await aws.faults.add("error-5xx", times=1, service="route53")
        with pytest.raises(ClientError) as caught:
            await submit(route53, "CREATE", simple("a.example.com"))
        assert code(caught) == ("ServiceUnavailable", 500)
        await aws.faults.add("error-5xx", times=1, service="globalaccelerator")
        with pytest.raises(ClientError) as caught:
            await ga.list_accelerators()
        assert code(caught) == ("InternalServiceErrorException", 500)
        await aws.faults.add("gone", region="us-west-.*")
        with pytest.raises(ClientError) as caught:
            await ga.list_accelerators()
        assert code(caught) == ("ServiceUnavailable", 503)
        assert await listed(route53) == [f"{LEAF} 64"]


async def test_a_dropped_call_is_not_applied_one_whose_reply_is_lost_is() -> None:
    """The client sees no difference."""
    async with zone() as (aws, route53, _):
        await aws.faults.add("drop", times=1)
        with pytest.raises(ConnectionClosedError):
            await submit(route53, "CREATE", simple("a.example.com"))
        await aws.faults.add("reply-lost", times=1)
        with pytest.raises(ConnectionClosedError):
            await submit(route53, "CREATE", simple("b.example.com"))
        assert await listed(route53) == ["b.example.com.", f"{LEAF} 64"]
        recent = [(c.operation, c.code) for c in aws.gateway.calls.recent if c.code]
        assert recent == [("ChangeResourceRecordSets", "NoReply")] * 2


async def test_a_call_that_hangs_is_never_applied() -> None:
    """Not even after the client has closed."""
    async with zone() as (aws, route53, _):
        await aws.faults.add("hang", times=1)
        with pytest.raises(ReadTimeoutError):
            await submit(route53, "CREATE", simple("a.example.com"))
        assert await listed(route53) == [f"{LEAF} 64"]


async def test_a_late_write_is_applied_after_its_client_has_given_up() -> None:
    """No client gets its outcome."""
    async with zone() as (aws, route53, _):
        await aws.faults.add("late", seconds=0.7)
        with pytest.raises(ReadTimeoutError):
            await submit(route53, "CREATE", simple("a.example.com"))
        assert await listed(route53) == [f"{LEAF} 64"]
        await eventually(lambda: lists(route53, "a.example.com."))


async def test_a_late_write_may_be_refused_like_any_other() -> None:
    """A compare-and-swap that comes too late fails, and no client gets the error."""
    async with zone() as (aws, route53, _):
        await aws.faults.add("late", seconds=0.6)
        with pytest.raises(ReadTimeoutError):
            await submit(route53, "DELETE", weighted(LEAF, "eu-west-1", 64))
        await submit(route53, "UPSERT", weighted(LEAF, "eu-west-1", 7))
        await asyncio.sleep(0.4)
        assert await listed(route53) == [f"{LEAF} 7"]


async def test_denied_credentials_are_refused_but_for_the_accepted_key() -> None:
    """With each service's own code and status 403; nothing is applied."""
    async with zone() as (aws, route53, _), client(aws, "globalaccelerator", "us-west-2") as ga:
        await aws.faults.add("deny", accept="AKIANEW")
        with pytest.raises(ClientError) as refused:
            await submit(route53, "CREATE", simple("new.example.com."))
        with pytest.raises(ClientError) as refused_too:
            await ga.list_accelerators()
        await aws.faults.clear("deny")
        await aws.faults.add("deny", accept="sandbox")

        assert f"{LEAF} 64" in await listed(route53)
        assert len(await listed(route53)) == 1
    for error, code in ((refused, "InvalidClientTokenId"), (refused_too, "UnrecognizedClient")):
        assert code in str(error.value)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


async def test_latency_delays_the_answer_only() -> None:
    """The answer is right."""
    async with zone() as (aws, route53, _):
        await aws.faults.add("latency", seconds=0.2, times=1)
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        assert await listed(route53) == [f"{LEAF} 64"]
        assert loop.time() - asked_at >= 0.2


async def test_aws_gone_refuses_connections_until_the_fault_ends() -> None:
    """The control API stays open; ending the fault by a request opens the port again."""
    async with zone() as (aws, route53, clock), aiohttp.ClientSession() as session:
        await aws.faults.add("gone", for_s=30)
        with pytest.raises(EndpointConnectionError):
            await listed(route53)
        async with session.get(f"{aws.control_url}/_emulator/faults") as reply:
            shown = (await reply.json())["active"][0]
        assert (shown["name"], shown["left_s"]) == ("gone", 30.0)
        clock.advance(31)
        await eventually(lambda: is_back(aws))
        assert await listed(route53) == [f"{LEAF} 64"]
        await aws.faults.add("gone")
        await aws.faults.clear("gone")
        assert await listed(route53) == [f"{LEAF} 64"]


async def test_a_change_that_is_pending_refuses_the_next_one() -> None:
    """PriorRequestNotComplete until the zone is INSYNC."""
    async with zone() as (aws, route53, clock):
        await aws.faults.add("prior-request")
        await submit(route53, "CREATE", simple("a.example.com"))
        with pytest.raises(ClientError) as caught:
            await submit(route53, "CREATE", simple("b.example.com"))
        assert code(caught) == ("PriorRequestNotComplete", 400)
        clock.advance(5)
        await submit(route53, "CREATE", simple("b.example.com"))


async def test_a_transaction_in_progress_refuses_the_next_one() -> None:
    """Until the accelerator is DEPLOYED."""
    clock = Clock()
    async with (
        running(FREE_PORTS, clock) as aws,
        client(aws, "globalaccelerator", "us-west-2") as ga,
    ):
        made = await ga.create_accelerator(Name="a", IdempotencyToken=f"id:{ACCELERATOR}")
        arn = made["Accelerator"]["AcceleratorArn"]
        clock.advance(5)
        await aws.faults.add("transaction")
        await ga.update_accelerator(AcceleratorArn=arn, Name="b")
        with pytest.raises(ClientError) as caught:
            await ga.update_accelerator(AcceleratorArn=arn, Name="c")
        assert code(caught) == ("TransactionInProgressException", 400)
        clock.advance(5)
        await ga.update_accelerator(AcceleratorArn=arn, Name="c")


async def test_small_pages_lose_nothing_and_a_later_page_may_fail() -> None:
    """Seven records in pages of two; then the second page is a server error."""
    async with zone() as (aws, route53, _):
        for number in range(7):
            await submit(route53, "UPSERT", weighted(LEAF, f"r{number}", number))
        whole = await listed(route53)
        await aws.faults.add("small-pages", items=2)
        assert await listed(route53) == whole
        assert aws.gateway.calls.counts["route53", "ListResourceRecordSets"] == 1 + 5
        await aws.faults.add("page-error", times=1)
        with pytest.raises(ClientError) as caught:
            await listed(route53)
        assert code(caught) == ("ServiceUnavailable", 500)


async def test_deletions_are_undone_at_the_end_and_an_edit_is_not() -> None:
    """Deleted records are restored, an edited weight stays."""
    async with zone() as (aws, route53, _):
        await aws.faults.add("hand-edit", weight=9)
        assert aws.faults.active() == ()
        assert await listed(route53) == [f"{LEAF} 9"]
        for name in ("delete-record", "empty-zone"):
            await aws.faults.add(name)
            assert await listed(route53) == []
            await aws.faults.clear()
            assert await listed(route53) == [f"{LEAF} 9"]


async def test_another_controller_repeats_its_edit() -> None:
    """Any other weight is changed back within a second or so."""
    async with zone() as (aws, route53, clock):
        await aws.faults.add("other-controller", weight=9)
        await submit(route53, "UPSERT", weighted(LEAF, "eu-west-1", 64))
        clock.advance(1.1)
        await eventually(lambda: lists(route53, f"{LEAF} 9"))


async def test_two_faults_of_one_call_are_nested() -> None:
    """The latency passes before the connection breaks."""
    async with zone() as (aws, route53, _):
        await aws.faults.add("latency", seconds=0.2)
        await aws.faults.add("drop")
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        with pytest.raises(ConnectionClosedError):
            await listed(route53)
        assert loop.time() - asked_at >= 0.2


async def test_a_fault_that_cannot_begin_is_not_active() -> None:
    """Its message says why; ending an unknown fault is an error, too."""
    async with zone() as (aws, _, _clock):
        with pytest.raises(SandboxError, match="no set identifier 'mars'"):
            await aws.faults.add("delete-record", set_identifier="mars")
        with pytest.raises(SandboxError, match="no fault is called 'x'"):
            await aws.faults.clear("x")
        assert aws.faults.active() == ()


async def test_the_control_api_begins_shows_and_ends_faults() -> None:
    """POST, GET and DELETE; a mistake is a 400 with what is possible."""
    async with zone() as (aws, _, _clock), aiohttp.ClientSession(aws.control_url) as session:
        path = "/_emulator/faults"
        body = {"name": "throttle", "times": 3, "operation": "List.*"}
        async with session.post(path, json=body) as reply:
            (shown,) = (await reply.json())["active"]
        assert shown == {**body, "id": 1, "struck": 0, "left_s": None}
        async with session.get(path) as reply:
            assert "other-controller" in (await reply.json())["faults"]
        for wrong, valid in (({"name": "x"}, "gone"), ({}, "gone"), ([], None)):
            async with session.post(path, json=wrong) as reply:
                problem = await reply.json()
            assert reply.status == 400
            assert valid is None or valid in problem["valid_values"]
        async with session.delete(f"{path}?name=throttle") as reply:
            assert (await reply.json())["active"] == []
