"""AWS clients: one session with few, long-lived clients.

The SDK's retries are off: the retry of a write whose reply was lost is refused, and a retried read
is not counted in the budget. Callers that know the outcome decide about retries.

Global Accelerator's API exists in us-west-2 only, requests to Route 53 are signed for us-east-1
(AWS General Reference, *Service endpoints*). Credentials come from the SDK's standard chain, and so
does AWS_ENDPOINT_URL (AWS SDKs Reference Guide, *Service-specific endpoints*).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aioboto3
from aiobotocore.config import AioConfig

if TYPE_CHECKING:
    from types_aiobotocore_globalaccelerator import GlobalAcceleratorClient
    from types_aiobotocore_route53 import Route53Client

ROUTE53_REGION = "us-east-1"
GLOBAL_ACCELERATOR_REGION = "us-west-2"


class EndpointUrlMissingError(Exception):
    """The settings require AWS_ENDPOINT_URL (an emulated AWS) and the environment lacks it."""


@dataclass(frozen=True, slots=True)
class AwsClients:
    """The clients; open while the context that made them is active."""

    route53: Route53Client
    global_accelerator: GlobalAcceleratorClient


def require_endpoint_url() -> str:
    """The emulated AWS's address; call it before any request could reach a real account.

    Raises EndpointUrlMissingError when AWS_ENDPOINT_URL is not set.
    """
    url = os.environ.get("AWS_ENDPOINT_URL", "")
    if not url:
        raise EndpointUrlMissingError(
            "aws.require_endpoint_url is true, but the environment variable AWS_ENDPOINT_URL is "
            "not set; set it to the emulator's address, for example http://127.0.0.1:4566"
        )
    return url


@asynccontextmanager
async def aws_clients(*, deadline_s: float) -> AsyncIterator[AwsClients]:
    """A context with clients. Connecting takes 0.4 of `deadline_s` at most, a call all of it.

    Opening takes about 0.1 s of CPU, because the SDK reads its service models; making the clients
    concurrently would not be faster.
    """
    session = aioboto3.Session()
    config = _config(deadline_s)
    async with AsyncExitStack() as stack:
        route53 = await stack.enter_async_context(
            session.client("route53", region_name=ROUTE53_REGION, config=config)
        )
        global_accelerator = await stack.enter_async_context(
            session.client(
                "globalaccelerator", region_name=GLOBAL_ACCELERATOR_REGION, config=config
            )
        )
        yield AwsClients(route53, global_accelerator)


def _config(deadline_s: float) -> AioConfig:
    return AioConfig(
        connect_timeout=deadline_s * 0.4,
        # Not earlier than the deadline of the whole call: what is answered by then is an answer.
        read_timeout=deadline_s,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=10,
        tcp_keepalive=True,
        user_agent_extra="global-traffic-controller",
    )
