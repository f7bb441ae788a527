"""AWS clients: one session with few, long-lived clients.

The SDK's retries are off: the retry of a write whose reply was lost is refused, and a retried read
is not counted in the budget. Callers that know the outcome decide about retries.

Global Accelerator's API exists in us-west-2 only, requests to Route 53 are signed for us-east-1
(AWS General Reference, *Service endpoints*). Credentials come from the SDK's standard chain
(credentials.py), and so does AWS_ENDPOINT_URL (AWS SDKs Reference Guide, *Service-specific
endpoints*).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import (
    BotoCoreError,
    ConfigNotFound,
    ConfigParseError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    NoCredentialsError,
    ProfileNotFound,
    UnknownCredentialError,
)

from controller.adapters.aws.credentials import (
    CredentialsUnavailableError,
    RenewableCredentials,
    session_with,
)

if TYPE_CHECKING:
    from types_aiobotocore_globalaccelerator import GlobalAcceleratorClient
    from types_aiobotocore_route53 import Route53Client

ROUTE53_REGION = "us-east-1"
GLOBAL_ACCELERATOR_REGION = "us-west-2"

_INCURABLE = (
    ConfigNotFound,
    ConfigParseError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    ProfileNotFound,
    UnknownCredentialError,
)
"""A mistake in files or variables, which stays: a daemon that waits would wait for ever."""

_FIRST_CREDENTIALS_S = 1.0
"""How long a start waits for credentials, to find what is incurable; others may come later."""


class AwsSetupError(Exception):
    """The environment or AWS's configuration files are wrong, which waiting does not cure.

    Or the settings require an emulated AWS and the clients would call a real one.
    """


@dataclass(frozen=True, slots=True)
class AwsClients:
    """The clients; open while the context that made them is active."""

    route53: Route53Client
    global_accelerator: GlobalAcceleratorClient
    credentials: RenewableCredentials | None = None
    """What they sign with; None: something that needs no renewal."""

    def forget_credentials(self) -> None:
        """Let the next request resolve credentials anew."""
        if self.credentials is not None:
            self.credentials.forget()


@asynccontextmanager
async def aws_clients(
    *, deadline_s: float, emulated_only: bool = False
) -> AsyncIterator[AwsClients]:
    """A context with clients. Connecting takes 0.4 of `deadline_s` at most, a call all of it.

    `emulated_only`: the clients must not call a real AWS. Raises AwsSetupError before any request.
    Opening takes about 0.1 s of CPU, because the SDK reads its service models; making the clients
    concurrently would not be faster.
    """
    credentials = RenewableCredentials(deadline_s * 0.8)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(credentials.end)
        try:
            session = session_with(credentials)
            _check_bundle(session)
            clients = await _open(stack, session, credentials, _config(deadline_s))
            if emulated_only:
                for client in (clients.route53, clients.global_accelerator):
                    _must_be_emulated(client.meta, session)
            await _find_incurable(credentials)
        except (BotoCoreError, ValueError, OSError) as error:
            raise AwsSetupError(f"the AWS SDK cannot be set up: {error}") from error
        yield clients


async def _open(
    stack: AsyncExitStack, session: AioSession, credentials: RenewableCredentials, config: AioConfig
) -> AwsClients:
    boto = aioboto3.Session(botocore_session=session)
    route53 = await stack.enter_async_context(
        boto.client("route53", region_name=ROUTE53_REGION, config=config)
    )
    global_accelerator = await stack.enter_async_context(
        boto.client("globalaccelerator", region_name=GLOBAL_ACCELERATOR_REGION, config=config)
    )
    return AwsClients(route53, global_accelerator, credentials)


def _check_bundle(session: AioSession) -> None:
    """Raises ValueError for certificates that cannot be read; the SDK would do so at each call."""
    bundle = session.get_config_variable("ca_bundle")
    if bundle is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
    except OSError as error:
        raise ValueError(f"the bundle of certificates {bundle} (AWS_CA_BUNDLE): {error}") from error


async def _find_incurable(credentials: RenewableCredentials) -> None:
    """Ask for credentials once. Raises those errors only that no waiting cures."""
    try:
        async with asyncio.timeout(_FIRST_CREDENTIALS_S):
            await credentials.get_frozen_credentials()
    except CredentialsUnavailableError as error:
        if isinstance(error.__cause__, _INCURABLE):
            raise
    except (NoCredentialsError, TimeoutError):
        return  # the first call tells it, and each later one tries again


def _must_be_emulated(meta: Any, session: AioSession) -> None:
    """Raises AwsSetupError when this client's address, as the SDK resolved it, is AWS's own."""
    host = (urlsplit(meta.endpoint_url).hostname or "").removesuffix(".")
    if not any(host == suffix or host.endswith(f".{suffix}") for suffix in _suffixes(session)):
        return
    service = meta.service_model.service_name
    variable = f"AWS_ENDPOINT_URL_{meta.service_model.service_id.replace(' ', '_').upper()}"
    raise AwsSetupError(
        f"aws.require_endpoint_url is true, but {service} would be asked at {meta.endpoint_url}, "
        "a real AWS; set the environment variable AWS_ENDPOINT_URL to the emulator's address, for "
        f"example http://127.0.0.1:4566, and unset {variable}, "
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS and AWS_PROFILE where they are set"
    )


def _suffixes(session: AioSession) -> frozenset[str]:
    """The domains of every partition of AWS that the SDK knows."""
    partitions = session.get_component("data_loader").load_data("partitions")["partitions"]
    found = {
        outputs[key]
        for outputs in (partition["outputs"] for partition in partitions)
        for key in ("dnsSuffix", "dualStackDnsSuffix")
        if outputs.get(key)
    }
    return frozenset(found)


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
