"""`require_endpoint_url` looks at the address that the client resolved, not at one variable.

After localstack/localstack #9792 and aws/aws-sdk #229, on service-specific endpoints and the switch
that ignores them all. Every way is in `tests/adapters/aws/test_session_setup.py`; here the case.
"""

from __future__ import annotations

import pytest

from controller.adapters.aws.session import AwsSetupError, aws_clients


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ("AWS_ENDPOINT_URL_ROUTE_53", "https://route53.amazonaws.com"),
    ],
)
async def test_the_daemon_refuses_to_start(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although AWS_ENDPOINT_URL names the emulator."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setenv(name, value)
    with pytest.raises(AwsSetupError, match="route53 would be asked at https://route53"):
        async with aws_clients(deadline_s=3, emulated_only=True):
            pass
