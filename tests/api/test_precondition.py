"""What a person looked at is what they change."""

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
    """Every service began so much earlier."""
    memory = snapshots.memory
    earlier = {
        name: replace(one, since=one.since - seconds) for name, one in memory.services.items()
    }
    snapshots.memory = with_services(memory, earlier)


def is_down(served: Api, region: str) -> bool:
    """Whether every service believes so, and has planned on it."""
    latest = served.house.reconciliation.latest
    services = latest.decision.regions.values() if latest else ()
    return {regions[region].verdict for regions in services} == {Verdict.DOWN}


async def test_status_plan_and_overrides_carry_one_version_of_the_state() -> None:
    """It stays as long as nothing changes, whatever the clock says."""
    async with api() as served:
        paths = ("/v1/status", "/v1/plan", "/v1/overrides")
        found = [(await served.get(path)).headers["ETag"] for path in paths]
        await served.until(lambda: served.world.clock.monotonic() > 0)
        again = (await served.get("/v1/status")).headers["ETag"]

    assert len({*found, again}) == 1
    assert found[0].startswith('"')


async def test_an_override_changes_the_version() -> None:
    """The answer to the order has the new one, so that the next order can follow."""
    async with api(running=False) as served:
        before = (await served.get("/v1/status")).headers["ETag"]
        added = await served.post("/v1/overrides", json=DRAIN)
        after = (await served.get("/v1/status")).headers["ETag"]

    assert added.headers["ETag"] == after != before


async def test_a_verdict_changes_the_version() -> None:
    """Also when nobody ordered anything."""
    async with api() as served:
        before = (await served.get("/v1/status")).headers["ETag"]
        await served.fail("eu-west-1")
        after = (await served.get("/v1/status")).headers["ETag"]

    assert after != before


async def test_a_preview_can_be_carried_out_as_it_was_shown() -> None:
    """The preview's version is what the order is based on."""
    async with api(guarded()) as served:
        preview = await served.post("/v1/overrides?dry_run=true", json=DRAIN, headers=OPERATOR)
        added = await served.post(
            "/v1/overrides",
            json=DRAIN,
            headers={**OPERATOR, "If-Match": preview.headers["ETag"]},
        )

    assert (preview.status, added.status) == (200, 201)


async def test_what_the_preview_shows_is_what_is_written() -> None:
    """Every change of it, in all pools and on both levers, and nothing else."""
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
    """Every position as AWS has it."""
    latest = served.house.reconciliation.latest
    assert latest is not None
    observed = latest.snapshot.observed.values()
    return {position: one for seen in observed for position, one in seen.settings.items()}


async def test_a_preview_is_bound_to_the_plan_it_shows() -> None:
    """Not to the state alone: what would hold only this order may end meanwhile."""
    starting = QUICK.guards.model_copy(update={"startup_data_s": 1e6})
    async with api(guarded().model_copy(update={"guards": starting})) as served:
        held = await served.post("/v1/overrides?dry_run=true", json=DRAIN, headers=OPERATOR)
        time_passes(served.house.snapshots, 2e6)
        await served.house.reconciliation.reconcile()
        headers = {**OPERATOR, "If-Match": held.headers["ETag"]}
        refused = await served.post("/v1/overrides", json=DRAIN, headers=headers)
        headers = {**OPERATOR, "If-Match": refused.headers["ETag"]}
        added = await served.post("/v1/overrides", json=DRAIN, headers=headers)

    assert "startup" in held.body["text"]
    assert refused.status == 412
    assert "startup" not in refused.body["current"]["text"]
    assert added.status == 201


async def test_a_preview_of_another_order_is_no_leave_for_this_one() -> None:
    """Who looked at one region's drain has not seen the other's."""
    async with api(guarded()) as served:
        other = {**DRAIN, "region": "eu-central-1"}
        preview = await served.post("/v1/overrides?dry_run=true", json=other, headers=OPERATOR)
        headers = {**OPERATOR, "If-Match": preview.headers["ETag"]}
        refused = await served.post("/v1/overrides", json=DRAIN, headers=headers)

    assert refused.status == 412


async def test_a_state_that_changed_since_is_shown_instead() -> None:
    """412 with the plan as it would be now, and the version to go on with."""
    async with api(guarded()) as served:
        preview = await served.post("/v1/overrides?dry_run=true", json=DRAIN, headers=OPERATOR)
        await served.fail("us-east-1")
        headers = {**OPERATOR, "If-Match": preview.headers["ETag"]}
        refused = await served.post("/v1/overrides", json=DRAIN, headers=headers)
        overrides = served.house.overrides.active()
        headers = {**OPERATOR, "If-Match": refused.headers["ETag"]}
        added = await served.post("/v1/overrides", json=DRAIN, headers=headers)

    assert refused.status == 412
    assert overrides == ()
    assert added.status == 201
    assert refused.body["current"]["plans"]
    assert refused.body["current"]["text"]


async def write(served: Api, verb: str, location: str, headers: dict[str, str]) -> int:
    """One of the three writes."""
    match verb:
        case "POST":
            return (await served.post("/v1/overrides", json=DRAIN, headers=headers)).status
        case "PATCH":
            body = {"ttl_s": 7200, "reason": "x"}
            return (await served.patch(location, json=body, headers=headers)).status
        case _:
            return (await served.delete(location, headers=headers)).status


@pytest.mark.parametrize("verb", ["POST", "PATCH", "DELETE"])
async def test_a_caller_with_a_token_says_what_the_write_is_based_on(verb: str) -> None:
    """428 without, 412 with an old version, and `*` is whatever there is."""
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
async def test_on_the_machine_itself_it_may_be_left_out(verb: str) -> None:
    """A person with curl at 3 a.m. is not kept from acting; a version given counts all the same."""
    async with api(running=False) as served:
        added = await served.post("/v1/overrides", json=DRAIN)
        location = added.headers["Location"]
        old = await write(served, verb, location, {"If-Match": '"old"'})
        without = await write(served, verb, location, {})

    assert old == 412
    assert without in (200, 201)


async def test_an_end_is_bound_to_the_plan_it_shows() -> None:
    """Traffic comes back as was shown, or the caller is shown how it would come back now."""
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


async def test_what_would_follow_the_end_of_no_override_is_not_found() -> None:
    """With those that are in force."""
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
async def test_every_order_is_carried_out_as_previewed_or_previewed_anew(
    order: dict[str, object],
) -> None:
    """What changed meanwhile is in the refusal, and that can be carried out."""
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
    """It moves nothing now, so its preview is the present plan."""
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
