"""The sandbox dials this machine only, whatever the user's environment says.

After localstack/localstack #239 and #8066: a proxy in the environment was asked for the emulator,
which failed, and told it the requests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.sandbox.stories.story_context import StoryContext
from controller.sandbox.supervisor import Supervisor
from tests.program.sandboxed import in_sandbox
from tests.program.socket_guard import guarded
from tests.program.test_operator import Operator

pytestmark = pytest.mark.program

ELSEWHERE = "http://192.0.2.1:9"
"""An address that leads nowhere (RFC 5737)."""
OBEYED = {
    **{
        name: ELSEWHERE
        for stem in ("http_proxy", "https_proxy", "all_proxy")
        for name in (stem, stem.upper())
    },
    "AWS_ENDPOINT_URL_ROUTE_53": ELSEWHERE,
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": ELSEWHERE,
    "REQUESTS_CA_BUNDLE": "/nonexistent.pem",
    "SSL_CERT_FILE": "/nonexistent.pem",
}


async def test_nothing_but_this_machine_is_dialled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the seeding to a failover, in every process."""
    for name, value in OBEYED.items():
        monkeypatch.setenv(name, value)
    dialled = guarded(tmp_path, monkeypatch)

    async def play(running: Supervisor, context: StoryContext) -> None:
        operator = Operator(running.daemon_url, tmp_path)
        region = ("wait", "--region", "us-east-1", "--timeout", "60s", "--state")
        await operator.gtc(*region, "serving")
        await context.break_region("us-east-1", "dead")
        await operator.gtc(*region, "drained")

    await in_sandbox(tmp_path, play)

    assert dialled.all(), "the guard saw nothing: it is not installed"
    assert dialled.outside() == set()
