"""The client factory."""

from __future__ import annotations

from typing import Any

import pytest

from controller.adapters.aws.session import aws_clients


async def test_clients_are_pinned_to_their_regions_and_retry_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Regardless of the Region in the caller's environment."""
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    async with aws_clients(deadline_s=3) as clients:
        route53, accelerator = clients.route53.meta, clients.global_accelerator.meta

    assert (route53.region_name, accelerator.region_name) == ("us-east-1", "us-west-2")
    for meta in (route53, accelerator):
        assert meta.endpoint_url == "http://127.0.0.1:1"
        config: Any = meta.config  # Any: its options are set dynamically
        assert config.retries["total_max_attempts"] == 1
        assert config.connect_timeout < 3
        assert config.read_timeout == 3  # an answer within the deadline is an answer
