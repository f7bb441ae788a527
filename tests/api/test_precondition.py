"""If-Match: a write is carried out on the state that it is based on, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.loops.cycle.snapshot_builder import SnapshotBuilder
from controller.model.health import Verdict
from controller.model.levers import LeverState, Position
from controller.planning.memory import with_services
from tests.api.callers import bearer, guarded
from tests.api.serving import QUICK, Api, api

DRAIN = {"kind": "drain", "region": "eu-west-1", "reason": "INC-42"}
OPERATOR = bearer("operator")


def time_passes(snapshots: SnapshotBuilder, seconds: float) -> None:
    """Let every service have begun so many seconds earlier."""
    memory = snapshots.memory
    earlier = {
        name: replace(one, since=one.since - seconds) for name, one in memory.services.items()
    }
    snapshots.remember(with_services(memory, earlier), snapshots.build(()))


def is_down(served: Api, region: str) -> bool:
    """Whether the region is down in every service by the last cycle."""
    latest = served.controller.reconciliation.latest
    services = latest.decision.regions.values() if latest else ()
    return {regions[region].verdict for regions in services} == {Verdict.DOWN}


async def test_status_plan_and_overrides_carry_one_version_of_the_state() -> None:
    """It stays the same while only time passes."""
    async with api() as served:
        paths = ("/v1/status", "/v1/plan", "/v1/overrides")
        found = [(await served.get(path)).headers["ETag"] for path in paths]
        await served.until(lambda: served.world.clock.monotonic() > 0)
        again = (await served.get("/v1/status")).headers["ETag"]

    assert len({*found, again}) == 1
    assert found[0].startswith('"')


async def test_an_override_changes_the_version() -> None:
    """The response to the order has the new one, for the next order."""
    async with api(running=False) as served:
        before = (await served.get("/v1/status")).headers["ETag"]
        added = await served.post("/v1/overrides", json=DRAIN)
        after = (await served.get("/v1/status")).headers["ETag"]

    assert added.headers["ETag"] == after != before


async def test_a_verdict_changes_the_version() -> None:
    """Also without any order."""
    async with api() as served:
        before = (await served.get("/v1/status")).headers["ETag"]
        await served.fail("eu-west-1")
        after = (await served.get("/v1/status")).headers["ETag"]

    assert after != before


async def test_a_preview_can_be_carried_out_as_it_was_shown() -> None:
    """The order's If-Match is the preview's ETag."""
    async with api(guarded()) as served:
        preview = await served.post("/v1/overrides?dry_run=true", json=DRAIN, headers=OPERATOR)
        added = await served.post(
            "/v1/overrides",
            json=DRAIN,
            headers={**OPERATOR, "If-Match": preview.headers["ETag"]},
        )

    assert (preview.status, added.status) == (200, 201)


async def test_what_the_preview_shows_is_what_is_written() -> None:
    """All of its changes, in all pools and on both levers, and no others."""
    async with api() as served:
        before = levers(served)
        preview = await served.post("/v1/overrides?dry_run=true", json=DRAIN)
        headers = {"If-Match": preview.headers["ETag"]}
        await served.post("/v1/overrides", json=DRAIN, headers=headers)
        await served.until(lambda: served.calm() and levers(served) != before)
        after = levers(served)

    shown = [change for plan in preview.body["plans"] for change in plan["changes"]]
    assert len(shown) == preview.body["changes"] == 3
    assert {position: one for position, one in after.items() if one != before[position]} == {
        Position(**change["position"]): LeverState(**change["after"]) for change in shown
    }


def levers(served: Api) -> dict[Position, LeverState]:
    """Every position's state at AWS."""
    latest = served.controller.reconciliation.latest
    assert latest is not None
    observed = latest.snapshot.observed.values()
    return {position: one for seen in observed for position, one in seen.settings.items()}


async def test_a_preview_is_bound_to_the_plan_it_shows() -> None:
    """Not to the state alone: a hold that concerns only this order may end meanwhile."""
    starting = QUICK.guards.model_copy(update={"startup_data_s": 1e6})
    async with api(guarded().model_copy(update={"guards": starting})) as served:
        held = await served.post("/v1/overrides?dry_run=true", json=DRAIN, headers=OPERATOR)
        time_passes(served.controller.snapshots, 2e6)
        await served.controller.reconciliation.reconcile()
        headers = {**OPERATOR, "If-Match": held.headers["ETag"]}
        refused = await served.post("/v1/overrides", json=DRAIN, headers=headers)
        headers = {**OPERATOR, "If-Match": refused.headers["ETag"]}
        added = await served.post("/v1/overrides", json=DRAIN, headers=headers)

    assert "startup" in held.body["text"]
    assert refused.status == 412
    assert "startup" not in refused.body["current"]["text"]
    assert added.status == 201


async def test_a_preview_of_another_order_does_not_allow_this_one() -> None:
    """The caller saw one region's drain and orders another's."""
    async with api(guarded()) as served:
        other = {**DRAIN, "region": "eu-central-1"}
        preview = await served.post("/v1/overrides?dry_run=true", json=other, headers=OPERATOR)
        headers = {**OPERATOR, "If-Match": preview.headers["ETag"]}
        refused = await served.post("/v1/overrides", json=DRAIN, headers=headers)

    assert refused.status == 412


async def test_a_changed_state_is_refused_with_the_present_plan() -> None:
    """412 with the preview as it is now, and its ETag for the next attempt."""
    async with api(guarded()) as served:
        preview = await served.post("/v1/overrides?dry_run=true", json=DRAIN, headers=OPERATOR)
        await served.fail("us-east-1")
        headers = {**OPERATOR, "If-Match": preview.headers["ETag"]}
        refused = await served.post("/v1/overrides", json=DRAIN, headers=headers)
        overrides = served.controller.overrides.active()
        headers = {**OPERATOR, "If-Match": refused.headers["ETag"]}
        added = await served.post("/v1/overrides", json=DRAIN, headers=headers)

    assert refused.status == 412
    assert overrides == ()
    assert added.status == 201
    assert refused.body["current"]["plans"]
    assert refused.body["current"]["text"]


async def write(served: Api, verb: str, location: str, headers: dict[str, str]) -> int:
    """Send one of the three writes; returns the status."""
    match verb:
        case "POST":
            return (await served.post("/v1/overrides", json=DRAIN, headers=headers)).status
        case "PATCH":
            body = {"ttl_s": 7200, "reason": "x"}
            return (await served.patch(location, json=body, headers=headers)).status
        case _:
            return (await served.delete(location, headers=headers)).status


@pytest.mark.parametrize("verb", ["POST", "PATCH", "DELETE"])
async def test_a_caller_with_a_token_must_send_if_match(verb: str) -> None:
    """428 without it, 412 with an old ETag; `*` matches every state."""
    async with api(guarded(), running=False) as served:
        added = await served.post(
            "/v1/overrides", json=DRAIN, headers={**OPERATOR, "If-Match": "*"}
        )
        location = added.headers["Location"]
        without = await write(served, verb, location, OPERATOR)
        old = await write(served, verb, location, {**OPERATOR, "If-Match": '"0123456789abcdef"'})
        several = {**OPERATOR, "If-Match": f'"old", {added.headers["ETag"]}'}
        right = await write(served, verb, location, several)

    assert (without, old) == (428, 412)
    assert right in (200, 201)


@pytest.mark.parametrize("verb", ["POST", "PATCH", "DELETE"])
async def test_a_local_caller_may_omit_if_match(verb: str) -> None:
    """An operator with curl can always act; If-Match counts when it is sent."""
    async with api(running=False) as served:
        added = await served.post("/v1/overrides", json=DRAIN)
        location = added.headers["Location"]
        old = await write(served, verb, location, {"If-Match": '"old"'})
        without = await write(served, verb, location, {})

    assert old == 412
    assert without in (200, 201)


async def test_an_end_is_bound_to_the_plan_it_shows() -> None:
    """Traffic returns as the preview showed it, or the caller gets the preview of now."""
    async with api(guarded()) as served:
        given = {**OPERATOR, "If-Match": "*"}
        drain = {**DRAIN, "service": "shop", "pool": "world"}
        added = await served.post("/v1/overrides", json=drain, headers=given)
        await served.until(
            lambda: served.calm() and served.world.weights("world")["eu-west-1"] == 0
        )
        path = f"/v1/overrides/{added.body['id']}"
        shown = await served.get(f"{path}/ending?all=true", headers=OPERATOR)
        bound = {**OPERATOR, "If-Match": shown.headers["ETag"]}
        await served.fail("us-east-1")
        late = await served.delete(path, headers=bound)
        fresh = {**OPERATOR, "If-Match": late.headers["ETag"]}
        ended = await served.delete(path, headers=fresh)

    wanted = {plan["pool"]: plan["desired"]["eu-west-1"] for plan in shown.body["plans"][:2]}
    assert (shown.status, wanted) == (200, {"europe": 0.5, "world": 0.25})
    assert late.status == 412
    assert late.body["current"]["text"] != shown.body["text"]
    assert ended.status == 200


async def test_a_preview_of_the_end_of_an_unknown_override_is_404() -> None:
    """With the ids of active overrides."""
    async with api(running=False) as served:
        answer = await served.get("/v1/overrides/7/ending")
    assert (answer.status, answer.body["detail"]) == (404, "no override 7 is in force")


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "failover", "region": "eu-west-1", "reason": "INC-42"},
        {"kind": "drain", "region": "eu-west-1", "reason": "INC-42"},
        {"kind": "pin", "region": "eu-west-1", "share": 0.3, "reason": "INC-42"},
        {"kind": "freeze", "reason": "INC-42"},
    ],
    ids=lambda order: order["kind"],
)
async def test_every_order_is_carried_out_as_previewed_or_refused_with_a_new_preview(
    order: dict[str, object],
) -> None:
    """The order succeeds with the ETag of the refusal."""
    async with api(guarded()) as served:
        preview = await served.post("/v1/overrides?dry_run=true", json=order, headers=OPERATOR)
        await served.fail("us-east-1")
        bound = {**OPERATOR, "If-Match": preview.headers["ETag"]}
        late = await served.post("/v1/overrides", json=order, headers=bound)
        fresh = {**OPERATOR, "If-Match": late.headers["ETag"]}
        given = await served.post("/v1/overrides", json=order, headers=fresh)

    assert (preview.status, late.status, given.status) == (200, 412, 201)
    assert late.headers["ETag"] != preview.headers["ETag"]
    assert late.body["current"]["text"]


async def test_an_extension_is_bound_to_the_state_it_was_made_from() -> None:
    """It changes no plan now, so its preview is the present plan."""
    async with api(guarded()) as served:
        freeze = {"kind": "freeze", "reason": "launch"}
        added = await served.post(
            "/v1/overrides", json=freeze, headers={**OPERATOR, "If-Match": "*"}
        )
        path, more = f"/v1/overrides/{added.body['id']}", {"ttl_s": 100_000, "reason": "goes on"}
        seen = (await served.get("/v1/overrides", headers=OPERATOR)).headers["ETag"]
        served.world.kill("us-east-1")
        await served.until(lambda: is_down(served, "us-east-1"))
        late = await served.patch(path, json=more, headers={**OPERATOR, "If-Match": seen})
        fresh = {**OPERATOR, "If-Match": late.headers["ETag"]}
        extended = await served.patch(path, json=more, headers=fresh)

    assert (late.status, extended.status) == (412, 200)
    assert "frozen" in late.body["current"]["text"]
