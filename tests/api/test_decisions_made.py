"""The number of decisions that a request costs: one for each state, for any number of callers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager

import pytest

from controller.model.decision import Decision, Snapshot
from controller.planning.account.evidence import Evidence
from controller.planning.account.single_failures import SingleFailure, each_failure
from controller.planning.decision import decide
from tests.api.callers import bearer, guarded
from tests.api.serving import Api, api

DRAIN = {"kind": "drain", "region": "eu-west-1", "reason": "INC-42"}
OPERATOR = bearer("operator")
QUESTIONS = ("/v1/status", "/v1/plan", "/v1/plan?all=true", "/v1/overrides", "/v1/figures")


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> list[Snapshot]:
    """The snapshots on which loops and API decided."""
    made: list[Snapshot] = []

    def counting(snapshot: Snapshot) -> Decision:
        made.append(snapshot)
        return decide(snapshot)

    for name, module in list(sys.modules.items()):
        ours = name.startswith(("controller.api.", "controller.loops."))
        if ours and getattr(module, "decide", None) is decide:
            monkeypatch.setattr(module, "decide", counting)
    return made


@asynccontextmanager
async def stopped(decisions: list[Snapshot]) -> AsyncIterator[Api]:
    """The API with loops that stop after two cycles; the decisions of these are not counted."""
    async with api(guarded(), running=False) as served:
        await cycle(served, decisions)
        await cycle(served, decisions)
        yield served


async def cycle(served: Api, decisions: list[Snapshot]) -> None:
    """One cycle; its own decision is not counted."""
    before = list(decisions)
    await served.controller.reconciliation.reconcile()
    decisions[:] = before


async def test_a_state_is_decided_on_once_for_any_number_of_requests(
    decisions: list[Snapshot],
) -> None:
    """A viewer may send fifty requests a second."""
    async with stopped(decisions) as served:
        for _ in range(10):
            for path in QUESTIONS:
                assert (await served.get(path, headers=OPERATOR)).status == 200

    assert len(decisions) == 1


async def test_every_cycle_begins_a_new_state(decisions: list[Snapshot]) -> None:
    """It may have new readings."""
    async with stopped(decisions) as served:
        for _ in range(3):
            for path in QUESTIONS:
                await served.get(path, headers=OPERATOR)
            await cycle(served, decisions)

    assert len(decisions) == 3


async def test_a_preview_costs_one_decision_and_its_order_none(decisions: list[Snapshot]) -> None:
    """The order's tag, the check of it and the new state's tag all come from that decision."""
    async with stopped(decisions) as served:
        shown = await served.post("/v1/overrides?dry_run=true", json=DRAIN, headers=OPERATOR)
        previewed = len(decisions)
        bound = {**OPERATOR, "If-Match": shown.headers["ETag"]}
        given = await served.post("/v1/overrides", json=DRAIN, headers=bound)
        ordered = len(decisions)
        after = [await served.get(path, headers=OPERATOR) for path in QUESTIONS[:4]]

    assert (shown.status, given.status) == (200, 201)
    assert (previewed, ordered, len(decisions)) == (1, 1, 1)
    assert {given.headers["ETag"]} == {answer.headers["ETag"] for answer in after}


@pytest.mark.parametrize("based_on", ["state", "*"])
async def test_an_order_without_preview_costs_one_decision(
    decisions: list[Snapshot], based_on: str
) -> None:
    """Of the state after it; the state before was decided on by an earlier request."""
    async with stopped(decisions) as served:
        seen = (await served.get("/v1/status", headers=OPERATOR)).headers["ETag"]
        looked = len(decisions)
        tag = seen if based_on == "state" else based_on
        given = await served.post(
            "/v1/overrides", json=DRAIN, headers={**OPERATOR, "If-Match": tag}
        )

    assert given.status == 201
    assert (looked, len(decisions)) == (1, 2)


async def test_ten_orders_looked_at_and_previewed_cost_ten_decisions(
    decisions: list[Snapshot],
) -> None:
    """Orders and their ends, each with its preview, and a status request between them."""
    async with stopped(decisions) as served:
        await served.get("/v1/status", headers=OPERATOR)
        for share in (0.2, 0.3, 0.4, 0.5, 0.6):
            pin = {**DRAIN, "kind": "pin", "service": "shop", "share": share}
            shown = await served.post("/v1/overrides?dry_run=true", json=pin, headers=OPERATOR)
            bound = {**OPERATOR, "If-Match": shown.headers["ETag"]}
            given = await served.post("/v1/overrides", json=pin, headers=bound)
            await served.get("/v1/status", headers=OPERATOR)
            path = f"/v1/overrides/{given.body['id']}"
            left = await served.get(f"{path}/ending", headers=OPERATOR)
            bound = {**OPERATOR, "If-Match": left.headers["ETag"]}
            ended = await served.delete(path, headers=bound)
            await served.get("/v1/status", headers=OPERATOR)
            assert (given.status, ended.status) == (201, 200)

    assert len(decisions) <= 1 + 10


async def test_a_refused_order_costs_two_decisions_at_most(decisions: list[Snapshot]) -> None:
    """For the present plan in the response, and for its tag."""
    async with stopped(decisions) as served:
        stale = {**OPERATOR, "If-Match": '"0123456789abcdef"'}
        refused = await served.post("/v1/overrides", json=DRAIN, headers=stale)
        counted = len(decisions)
        bound = {**OPERATOR, "If-Match": refused.headers["ETag"]}
        given = await served.post("/v1/overrides", json=DRAIN, headers=bound)

    assert (refused.status, given.status) == (412, 201)
    assert (counted, len(decisions)) == (2, 2)


async def test_an_extension_costs_none(decisions: list[Snapshot]) -> None:
    """Another end changes no plan now; the state's tag changes all the same."""
    async with stopped(decisions) as served:
        given = await served.post(
            "/v1/overrides", json=DRAIN, headers={**OPERATOR, "If-Match": "*"}
        )
        counted = len(decisions)
        extended = await served.patch(
            given.headers["Location"],
            json={"ttl_s": 7200, "reason": "goes on"},
            headers={**OPERATOR, "If-Match": given.headers["ETag"]},
        )

    assert extended.status == 200
    assert len(decisions) == counted == 1
    assert extended.headers["ETag"] != given.headers["ETag"]


async def test_hypotheses_cost_one_decision_beside_the_present_one(
    decisions: list[Snapshot],
) -> None:
    """The effects compare both decisions."""
    async with stopped(decisions) as served:
        await served.get("/v1/plan", headers=OPERATOR)
        for _ in range(3):
            body = {"hypotheses": ["eu-west-1 down"]}
            assert (await served.post("/v1/plan", json=body, headers=OPERATOR)).status == 200

    assert len(decisions) == 1 + 3


async def test_single_failures_are_computed_once_for_each_state(
    decisions: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take a decision for each region; concurrent requests share the result.

    A cycle that changes nothing begins no other state, an order does.
    """
    reckoned: list[Snapshot] = []

    def counting(now: Evidence) -> Generator[SingleFailure, None, None]:
        reckoned.append(now.snapshot)
        return each_failure(now)

    for name, module in list(sys.modules.items()):
        ours = name.startswith(("controller.api.", "controller.loops."))
        if ours and getattr(module, "each_failure", None) is each_failure:
            monkeypatch.setattr(module, "each_failure", counting)
    async with stopped(decisions) as served:
        path = "/v1/plan/failures"
        asked = [served.get(path, headers=OPERATOR) for _ in range(5)]
        answers = [*await asyncio.gather(*asked), await served.get(path, headers=OPERATOR)]
        await cycle(served, decisions)
        answers.append(await served.get(path, headers=OPERATOR))
        assert len(reckoned) == 1
        order = await served.post(
            "/v1/overrides", json=DRAIN, headers={**OPERATOR, "If-Match": "*"}
        )
        assert order.status == 201
        answers.append(await served.get(path, headers=OPERATOR))

    assert len(reckoned) == 2
    assert {(answer.status, len(answer.body["items"])) for answer in answers} == {(200, 5)}


async def test_a_preview_shows_the_reason_of_its_order() -> None:
    """The same order with another reason is shown with that reason."""
    async with api() as served:
        texts = [
            (await served.post("/v1/overrides?dry_run=true", json={**DRAIN, "reason": why})).body[
                "text"
            ]
            for why in ("INC-42", "INC-43")
        ]

    assert [["INC-42" in text, "INC-43" in text] for text in texts] == [
        [True, False],
        [False, True],
    ]


async def test_orders_of_the_same_effect_have_different_tags(decisions: list[Snapshot]) -> None:
    """Neither changes a plan yet, but the preview of one does not allow the other."""
    async with stopped(decisions) as served:
        headers = {"headers": OPERATOR}
        one = await served.post("/v1/overrides?dry_run=true", json=DRAIN, **headers)
        other = {**DRAIN, "region": "us-east-1"}
        two = await served.post("/v1/overrides?dry_run=true", json=other, **headers)

    assert one.body["changes"] == two.body["changes"] == 0
    assert one.headers["ETag"] != two.headers["ETag"]
