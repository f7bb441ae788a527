"""The control API over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from controller.sandbox.world.control import control_app
from controller.sandbox.world.regions import SandboxRegions
from controller.sandbox.world.user_traffic import UserTraffic
from tests.sandbox.worlds import two_regions


@pytest.fixture
async def traffic() -> UserTraffic:
    return UserTraffic()


@pytest.fixture
async def client(traffic: UserTraffic) -> AsyncIterator[TestClient[Any, Any]]:
    configuration, _ = two_regions()
    regions = SandboxRegions(
        configuration, rng=Random(1), now=lambda: datetime(2024, 1, 1, tzinfo=UTC)
    )
    await regions.open()
    async with TestClient(TestServer(control_app(regions, traffic))) as http:
        yield http
    await regions.close()


async def modes(client: TestClient[Any, Any]) -> dict[str, str]:
    async with client.get("/state") as response:
        regions = (await response.json())["regions"]
    return {name: state["mode"] for name, state in regions.items()}


async def post(client: TestClient[Any, Any], path: str, body: Any) -> tuple[int, Any]:
    async with client.post(path, json=body) as response:
        return response.status, await response.json()


async def test_break_and_heal_answer_with_the_new_state(client: TestClient[Any, Any]) -> None:
    """The same as /state; healing `all` heals every region."""
    status, state = await post(client, "/break", {"region": "eu-west-1", "how": "dead"})
    assert status == 200
    assert state["regions"]["eu-west-1"]["mode"] == "dead"
    assert state["regions"]["eu-west-1"]["since"] == "2024-01-01T00:00:00+00:00"
    await post(client, "/break", {"region": "reference-targets", "how": "hang"})
    assert await modes(client) == {
        "eu-west-1": "dead",
        "us-east-1": "well",
        "reference-targets": "hang",
    }
    await post(client, "/heal", {"region": "eu-west-1"})
    assert await modes(client) == {
        "eu-west-1": "well",
        "us-east-1": "well",
        "reference-targets": "hang",
    }
    await post(client, "/break", {"region": "us-east-1", "how": "gray"})
    await post(client, "/heal", {"region": "all"})
    assert set((await modes(client)).values()) == {"well"}


@pytest.mark.parametrize(
    ("path", "body", "detail", "valid"),
    [
        (
            "/break",
            {"region": "mars-1", "how": "dead"},
            "no region is called 'mars-1'",
            ["eu-west-1", "us-east-1", "reference-targets"],
        ),
        (
            "/break",
            {"region": "eu-west-1", "how": "boil"},
            "no way to break is called 'boil'",
            ["dead", "hang", "slow", "errors", "gray"],
        ),
        (
            "/heal",
            {"region": "mars-1"},
            "no region is called 'mars-1'",
            ["eu-west-1", "us-east-1", "reference-targets", "all"],
        ),
        ("/heal", {}, "the body must be an object with exactly these keys: region", ["region"]),
        ("/heal", ["x"], "the body must be an object with exactly these keys: region", ["region"]),
        ("/heal", {"region": 7}, "region must be a text, not 7", []),
    ],
)
async def test_mistakes_are_answered_with_what_is_valid(
    client: TestClient[Any, Any], path: str, body: Any, detail: str, valid: list[str]
) -> None:
    """400 with title, detail and valid values, and nothing has changed."""
    status, problem = await post(client, path, body)
    assert status == 400
    assert problem == {"title": "bad request", "detail": detail, "valid_values": valid}
    assert set((await modes(client)).values()) == {"well"}


async def test_a_body_that_is_not_json_is_explained(client: TestClient[Any, Any]) -> None:
    """With the required keys."""
    async with client.post("/break", data="region=eu-west-1") as response:
        assert response.status == 400
        assert (await response.json())["valid_values"] == ["how", "region"]


async def test_unknown_paths_and_methods_are_explained(client: TestClient[Any, Any]) -> None:
    """Even these errors are JSON and say what exists."""
    async with client.get("/nothing") as response:
        assert response.status == 404
        paths = ["/break", "/heal", "/state", "/users", "/users/history"]
        assert (await response.json())["valid_values"] == paths
    async with client.get("/break") as response:
        assert response.status == 405
        assert (await response.json())["detail"] == "/break takes POST"


async def test_users_are_shown_over_a_window_and_second_by_second(
    client: TestClient[Any, Any], traffic: UserTraffic
) -> None:
    """The split has requests, errors and share; the history has every second."""
    at = datetime(2024, 1, 1, tzinfo=UTC)
    traffic.record("shop", "world", "us-east-1", ok=True)
    traffic.close_second(at)
    traffic.record("shop", "world", "eu-west-1", ok=False)
    traffic.close_second(at)
    shop = {"service": "shop", "pool": "world"}
    failed = {**shop, "region": "eu-west-1", "requests": 1, "errors": 1}
    async with client.get("/users?window_s=1") as response:
        assert await response.json() == {"window_s": 1, "split": [{**failed, "share": 1.0}]}
    async with client.get("/users") as response:
        shares = {one["region"]: one["share"] for one in (await response.json())["split"]}
        assert shares == {"eu-west-1": 0.5, "us-east-1": 0.5}
    async with client.get("/users/history") as response:
        seconds = (await response.json())["seconds"]
        assert [second["measurements"] for second in seconds][1] == [failed]
        assert seconds[0]["at"] == "2024-01-01T00:00:00+00:00"


@pytest.mark.parametrize("window", ["0", "121", "-1", "five", "1.5", ""])
async def test_a_window_that_is_not_kept_is_refused(
    client: TestClient[Any, Any], window: str
) -> None:
    """The message has the limits."""
    async with client.get(f"/users?window_s={window}") as response:
        assert response.status == 400
        assert "from 1 to 120" in (await response.json())["detail"]
