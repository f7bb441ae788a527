"""The emulated AWS as a whole, used by the real SDK, by DNS, and by the AWS CLI."""

import asyncio
import json
import os
import shutil
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aioboto3
import aiohttp
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from dns import asyncquery, message, rcode

from controller.sandbox.emulator.server import EmulatedAws, ServerOptions, running, serve
from tests.sandbox.emulator.builders import (
    REGIONS,
    SERVICE,
    ZONE_ID,
    Clock,
    change,
    simple,
    tree_records,
    weighted,
)

FREE_PORTS = ServerOptions(http_port=0, control_port=0, dns_port=0)
ONE_TRY = Config(retries={"total_max_attempts": 1})
ACCELERATOR = "00000000-0000-4000-8000-000000000001"
BESIDE_PYTHON = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
AWS_CLI = os.environ.get("GTC_TEST_AWS_CLI") or shutil.which("aws", path=BESIDE_PYTHON)


def client(
    aws: EmulatedAws, service: str, region: str = "us-east-1"
) -> AbstractAsyncContextManager[Any]:
    """The SDK's client for an emulated service, without retries."""
    session: Any = aioboto3.Session()  # its types know each service by a literal
    made: AbstractAsyncContextManager[Any] = session.client(
        service,
        endpoint_url=aws.url,
        region_name=region,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",  # the emulator accepts any key
        config=ONE_TRY,
    )
    return made


async def seed_zone(route53: Any) -> None:
    """The zone of the tests."""
    await route53.create_hosted_zone(Name="example.com", CallerReference=f"id:{ZONE_ID}")


async def submit(route53: Any, *changes: dict[str, Any]) -> dict[str, Any]:
    """One batch through the SDK; the change's info."""
    batch = {"Changes": list(changes)}
    reply = await route53.change_resource_record_sets(HostedZoneId=ZONE_ID, ChangeBatch=batch)
    info: dict[str, Any] = reply["ChangeInfo"]
    return info


async def listed(route53: Any) -> list[dict[str, Any]]:
    """Every record set, by the SDK's paginator."""
    paginator = route53.get_paginator("list_resource_record_sets")
    return [
        record
        async for page in paginator.paginate(HostedZoneId=ZONE_ID)
        for record in page["ResourceRecordSets"]
    ]


async def dns_answers(aws: EmulatedAws, name: str) -> set[str]:
    """The name server's answers for an address; empty for no such name."""
    host, _, port = aws.dns_address.rpartition(":")
    response = await asyncquery.udp(message.make_query(name, "A"), host, 2, port=int(port))
    assert response.rcode() in (rcode.NOERROR, rcode.NXDOMAIN, rcode.REFUSED)
    return {item.to_text() for answer in response.answer for item in answer}


async def test_the_process_announces_itself_and_stops_at_once() -> None:
    """One announcement with real ports when everything listens; it ends within a second."""
    announced: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve(FREE_PORTS, announced.put_nowait, stop))
        line = await asyncio.wait_for(announced.get(), 5)
        assert line["ready"] == "aws"
        assert line.keys() == {"ready", "url", "dns", "control"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{line['control']}/_emulator/calls") as reply,
        ):
            assert await reply.json() == {"counts": {}, "recent": []}
        stop.set()
        async with asyncio.timeout(1):
            await task
    assert announced.empty()


async def test_a_taken_port_is_an_error_and_leaves_nothing_behind() -> None:
    """The second one fails; its DNS socket is closed again."""
    async with running(FREE_PORTS) as first:
        taken = ServerOptions(http_port=first.http.port, control_port=0, dns_port=0)
        with pytest.raises(OSError, match="address already in use"):
            async with running(taken):
                pytest.fail("two servers on one port")


async def test_the_paginator_returns_each_of_many_records_exactly_once() -> None:
    """More than 600 records over three pages, many of them under one name."""
    async with running(FREE_PORTS) as aws, client(aws, "route53") as route53:
        await seed_zone(route53)
        names = [simple(f"n{number}.example.com") for number in range(550)]
        sets = [weighted("w.example.com", f"{number:02}", 1) for number in range(90)]
        for records in (names, sets):
            await submit(route53, *(change("CREATE", record) for record in records))
        keys = [(r["Name"], r["Type"], r.get("SetIdentifier")) for r in await listed(route53)]
    assert len(keys) == len(set(keys)) == 550 + 90 + 2


async def test_a_refused_batch_leaves_the_zone_untouched() -> None:
    """A good change before a bad one is not applied; the SDK sees InvalidChangeBatch."""
    async with running(FREE_PORTS) as aws, client(aws, "route53") as route53:
        await seed_zone(route53)
        before = await listed(route53)
        good, bad = simple("good.example.com"), simple("a.example.net")
        with pytest.raises(ClientError, match="not permitted in zone") as caught:
            await submit(route53, change("CREATE", good), change("UPSERT", bad))
        assert caught.value.response["Error"]["Code"] == "InvalidChangeBatch"
        assert await listed(route53) == before


async def test_a_change_is_listed_before_insync_and_answered_after() -> None:
    """The listing shows a PENDING change, the name server does not, until the clock has moved."""
    clock = Clock()
    async with running(FREE_PORTS, clock) as aws, client(aws, "route53") as route53:
        await seed_zone(route53)
        clock.advance(5)
        info = await submit(route53, change("CREATE", simple("new.example.com", "192.0.2.5")))
        assert info["Status"] == "PENDING"
        assert "new.example.com." in {record["Name"] for record in await listed(route53)}
        assert await dns_answers(aws, "new.example.com") == set()
        clock.advance(2)
        answer = await route53.get_change(Id=info["Id"])
        assert answer["ChangeInfo"]["Status"] == "INSYNC"
        assert await dns_answers(aws, "new.example.com") == {"192.0.2.5"}


async def test_a_dead_endpoint_disappears_from_answers_without_any_call() -> None:
    """Real probes of real sockets: the record of the refusing endpoint is not answered any more."""
    clock = Clock()
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running(FREE_PORTS, clock) as aws, client(aws, "route53") as route53:
        await seed_zone(route53)
        for name, address in (("alive", "127.0.0.1"), ("dead", "127.0.10.9")):
            config = {"Type": "TCP", "IPAddress": address, "Port": port, "RequestInterval": 10}
            check = await route53.create_health_check(
                CallerReference=f"id:{name}", HealthCheckConfig=config
            )
            leaf = weighted("x.example.com", name, 1, address)
            leaf["HealthCheckId"] = check["HealthCheck"]["Id"]
            await submit(route53, change("CREATE", leaf))
        async with asyncio.timeout(20):
            while aws.health_checks.is_healthy("dead"):
                clock.advance(5)
                await asyncio.sleep(0.02)
        assert aws.health_checks.is_healthy("alive")
        for _ in range(10):
            assert await dns_answers(aws, "x.example.com") == {"127.0.0.1"}
        status = await route53.get_health_check_status(HealthCheckId="dead")
    texts = {o["StatusReport"]["Status"] for o in status["HealthCheckObservations"]}
    assert all("could not connect" in text for text in texts)
    assert texts


async def test_when_aws_is_gone_calls_fail_but_names_are_answered_and_nothing_is_lost() -> None:
    """The listener closes, data plane and stores stay, the same port opens again."""
    clock = Clock()
    async with running(FREE_PORTS, clock) as aws, client(aws, "route53") as route53:
        await seed_zone(route53)
        await submit(route53, change("CREATE", simple("a.example.com")))
        clock.advance(5)
        before = await listed(route53)
        await aws.http.close()
        with pytest.raises(EndpointConnectionError):
            await listed(route53)
        assert await dns_answers(aws, "a.example.com") == {"192.0.2.9"}
        await aws.http.open()
        assert await listed(route53) == before


async def seed_accelerator(accelerator: Any) -> str:
    """One accelerator with one listener and one group; the group's ARN."""
    created = await accelerator.create_accelerator(Name="a", IdempotencyToken=f"id:{ACCELERATOR}")
    listener = await accelerator.create_listener(
        AcceleratorArn=created["Accelerator"]["AcceleratorArn"],
        PortRanges=[{"FromPort": 9000, "ToPort": 9000}],
        Protocol="TCP",
    )
    group = await accelerator.create_endpoint_group(
        ListenerArn=listener["Listener"]["ListenerArn"],
        EndpointGroupRegion="eu-west-1",
        TrafficDialPercentage=75.0,
    )
    arn: str = group["EndpointGroup"]["EndpointGroupArn"]
    return arn


async def test_the_accelerators_api_lives_in_one_region() -> None:
    """us-west-2 answers, any other Region returns 501 and names us-west-2."""
    async with running(FREE_PORTS, Clock()) as aws:
        async with client(aws, "globalaccelerator", "us-west-2") as accelerator:
            arn = await seed_accelerator(accelerator)
            with pytest.raises(ClientError, match="less than or equal to 100") as invalid:
                await accelerator.update_endpoint_group(
                    EndpointGroupArn=arn, TrafficDialPercentage=101.0
                )
            assert invalid.value.response["Error"]["Code"] == "InvalidArgumentException"
        async with client(aws, "globalaccelerator", "eu-west-1") as elsewhere:
            with pytest.raises(ClientError, match="its API lives in us-west-2") as caught:
                await elsewhere.list_accelerators()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


async def test_what_is_not_emulated_says_so_in_the_callers_format() -> None:
    """An unknown operation and two unknown services, one speaking JSON, one XML."""
    async with running(FREE_PORTS) as aws:
        calls: list[tuple[str, str, dict[str, Any], str]] = [
            ("route53", "list_traffic_policies", {}, "route53 ListTrafficPolicies"),
            ("dynamodb", "list_tables", {}, "service 'dynamodb'"),
            ("sns", "list_topics", {}, "service 'sns'"),
        ]
        for service, operation, params, words in calls:
            async with client(aws, service) as other:
                with pytest.raises(ClientError, match=f"{words} is not emulated") as caught:
                    await getattr(other, operation)(**params)
            assert caught.value.response["Error"]["Code"] == "NotImplemented"
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


async def test_a_request_without_a_signature_is_refused() -> None:
    """403 MissingAuthenticationToken, in XML and in JSON."""
    async with running(FREE_PORTS) as aws, aiohttp.ClientSession() as session:
        async with session.get(f"{aws.url}/2013-04-01/hostedzone") as reply:
            assert reply.status == 403
            assert "<Code>MissingAuthenticationToken</Code>" in await reply.text()
        headers = {"X-Amz-Target": "GlobalAccelerator_V20180706.ListAccelerators"}
        async with session.post(aws.url, headers=headers, data=b"{}") as reply:
            assert reply.status == 403
            assert (await reply.json(content_type=None))["__type"] == "MissingAuthenticationToken"


async def test_every_call_is_counted_with_its_outcome() -> None:
    """One listing, no write; errors have their code."""
    async with running(FREE_PORTS) as aws, client(aws, "route53") as route53:
        await seed_zone(route53)
        await listed(route53)
        with pytest.raises(ClientError):
            await route53.get_hosted_zone(Id="Z404")
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{aws.control_url}/_emulator/calls") as reply,
        ):
            log = await reply.json()
    expected = {"CreateHostedZone": 1, "ListResourceRecordSets": 1, "GetHostedZone": 1}
    assert log["counts"] == {"route53": expected}
    last = log["recent"][-1]
    del last["at"]
    assert last == {
        "service": "route53",
        "region": "us-east-1",
        "operation": "GetHostedZone",
        "status": 404,
        "code": "NoSuchHostedZone",
    }


async def aws_cli(aws: EmulatedAws, *arguments: str) -> Any:
    """The JSON output of the AWS CLI."""
    assert AWS_CLI is not None
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    process = await asyncio.create_subprocess_exec(
        *(AWS_CLI, "--endpoint-url", aws.url, "--output", "json", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return json.loads(printed)


@pytest.mark.skipif(AWS_CLI is None, reason="no AWS CLI on PATH or in GTC_TEST_AWS_CLI")
async def test_the_aws_cli_lists_records_and_dials() -> None:
    """An operator's commands show the tree's weights and the accelerator's dial."""
    async with running(FREE_PORTS) as aws:
        async with client(aws, "route53") as route53:
            await seed_zone(route53)
            for region in REGIONS:
                config = {"Type": "TCP", "IPAddress": "127.0.0.1", "Port": 1}
                await route53.create_health_check(
                    CallerReference=f"id:check-{region}", HealthCheckConfig=config
                )
            await submit(route53, *(change("CREATE", record) for record in tree_records()))
        async with client(aws, "globalaccelerator", "us-west-2") as accelerator:
            arn = await seed_accelerator(accelerator)
        records = await aws_cli(
            aws,
            "--region",
            "us-east-1",
            "route53",
            "list-resource-record-sets",
            "--hosted-zone-id",
            ZONE_ID,
        )
        groups = await aws_cli(
            aws,
            "--region",
            "us-west-2",
            "globalaccelerator",
            "list-endpoint-groups",
            "--listener-arn",
            arn.partition("/endpoint-group/")[0],
        )
    weights = [
        (record["SetIdentifier"], record["Weight"])
        for record in records["ResourceRecordSets"]
        if record["Name"] == f"rest.{SERVICE}"
    ]
    assert weights == [(region, 64) for region in sorted(REGIONS)]
    assert groups["EndpointGroups"][0]["TrafficDialPercentage"] == 75.0
