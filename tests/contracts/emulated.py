"""The emulated AWS in this process, and adapters that call it over real HTTP."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from unittest.mock import patch

from controller.adapters.aws.calls import AwsCalls
from controller.adapters.aws.session import AwsClients, aws_clients
from controller.adapters.aws.token_bucket import TokenBucket
from controller.adapters.clock import SystemClock
from controller.sandbox.emulator.server import EmulatedAws, ServerOptions, running

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "sandbox",
    "AWS_SECRET_ACCESS_KEY": "sandbox",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
DEADLINE_S = 5.0


@dataclass
class Emulated:
    """A running emulator, and clients for it."""

    aws: EmulatedAws
    clients: AwsClients

    def calls(self, service: str) -> AwsCalls:
        """Calls with a budget that never blocks."""
        clock = SystemClock()
        return AwsCalls(
            service,
            budget=TokenBucket(1_000, 1_000, 0, clock),
            deadline_s=DEADLINE_S,
            clock=clock,
            observe=lambda *_: None,
        )


@asynccontextmanager
async def emulated_aws(
    spread_after_s: float = 0.1, clock: Callable[[], float] = time.time
) -> AsyncIterator[Emulated]:
    """Enter and leave it in the same task: not in a fixture. `spread_after_s`: seconds until
    changes are INSYNC or DEPLOYED, by `clock`."""
    options = ServerOptions(
        http_port=0,
        control_port=0,
        dns_port=0,
        insync_after_s=spread_after_s,
        deployed_after_s=spread_after_s,
    )
    async with running(options, clock) as aws:
        with patch.dict(os.environ, {**ENVIRONMENT, "AWS_ENDPOINT_URL": aws.url}):
            async with aws_clients(deadline_s=DEADLINE_S) as clients:
                yield Emulated(aws, clients)
