"""The status: normally, during failures, and before the first cycle."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from controller import __version__
from controller.loops.reports.traffic import TrafficReports
from controller.model.configuration import Settings
from controller.model.decision import DecisionRecord
from controller.model.errors import StateUnavailableError
from controller.model.health import HealthState, ProbeOutcome
from controller.planning.account.evidence import Evidence, EvidenceText
from tests.api.serving import QUICK, Answer, Api, api
from tests.fakes.methods import Method
from tests.loops.probed import KNOWN_BAD, with_known_bad
from tests.loops.simulated import ZONE
from tests.loops.small import in_background


def pool_of(status: Answer, service: str, pool: str) -> dict[str, Any]:
    found = next(s for s in status.body["services"] if s["name"] == service)
    return next(p for p in found["pools"] if p["name"] == pool)


def region_of(status: Answer, service: str, pool: str, region: str) -> dict[str, Any]:
    return next(r for r in pool_of(status, service, pool)["regions"] if r["region"] == region)


def is_settled(state: HealthState) -> bool:
    """Whether three probes in a row had the same result."""
    return max(state.successes, state.failures) >= 3


def is_isolated(served: Api) -> bool:
    latest = served.controller.reconciliation.latest
    return latest is not None and latest.decision.memory.isolated_since is not None


async def test_what_a_reading_took_and_when_all_was_listed_is_told() -> None:
    """For each hosted zone and accelerator: ours are small, so each reading lists all of them."""
    async with api() as served:
        targets = (await served.get("/v1/status")).body["observation"]["targets"]

    zone = targets.pop(ZONE)
    (accelerator,) = targets.values()
    assert (zone["pages"], zone["resources"], zone["whole"]) == (1, 10, True)
    assert (accelerator["pages"], accelerator["resources"], accelerator["whole"]) == (None, 2, True)
    assert zone["whole_age_s"] <= 10
    assert zone["whole_error"] is None


async def test_whole_has_all_records_read_and_decides_by_them_before_it_answers() -> None:
    """What was made by hand a moment ago shows; without it, what was read last does."""
    async with api() as served:
        await asyncio.sleep(10.1)  # a listing answers those who ask for ten seconds
        before = (await served.get("/v1/status")).body["cycle"]
        reads = len(served.world.records.reads)
        status = await served.get("/v1/status?whole=true")

    assert len(served.world.records.reads) > reads
    assert status.body["cycle"] > before


async def test_whole_is_refused_while_aws_does_not_answer() -> None:
    """An earlier reading is no answer to the question."""
    async with api() as served:
        served.world.records.trouble.unavailable = True
        await asyncio.sleep(10.1)
        status = await served.get("/v1/status?whole=true")

    assert (status.status, status.body["status"]) == (503, 503)
    assert f"AWS did not show all of {ZONE}" in status.body["detail"]


async def test_the_whole_status_without_failures() -> None:
    """Verdicts, shares and the daemon's own state, member by member."""
    async with api() as served:
        status = await served.get("/v1/status")

    body = status.body
    assert (body["version"], body["mode"]) == (__version__, "active")
    assert (body["frozen"], body["isolated"]) == (False, False)
    assert body["reference_targets"] == {
        "known_good": {"failing": 0, "total": 3},
        "known_bad": {"answering": [], "total": 0},
    }
    assert body["observation"]["failing"] == {}
    assert body["cycle"] > 0
    assert 0 <= body["cycle_age_s"] < 5
    assert 0 <= body["next_cycle_in_s"] <= 10
    assert body["overrides"] == []
    assert body["last_decision"]["id"] > 0
    assert [(s["name"], s["lever"], s.get("steered_name")) for s in body["services"]] == [
        ("shop", "route53", "shop.example.test."),
        ("api", "accelerator", None),
    ]
    assert pool_of(status, "shop", "europe")["residency"] == "EU"
    region = region_of(status, "shop", "europe", "eu-west-1")
    assert region.pop("why").startswith("web: answers in")
    assert region == {
        "region": "eu-west-1",
        "verdict": "up",
        "suspect": False,
        "confidence": "high",
        "doubts": [],
        "sources": [],
        "usable": 1.0,
        "observed": 0.5,
        "desired": 0.5,
        "answered": None,
        "measured": None,
        "requests": 0,
        "errors": 0,
        "drift": None,
        "unsteered": {},
        "override": None,
    }


@pytest.mark.parametrize(("daemons", "apis"), [("active", "dry_run"), ("dry_run", "active")])
async def test_each_service_shows_whether_its_plans_are_carried_out(
    daemons: str, apis: str
) -> None:
    """The stricter of its own mode and the daemon's."""
    data = QUICK.model_dump(mode="json") | {"mode": daemons}
    data["services"]["api"]["mode"] = apis
    async with api(Settings.model_validate(data)) as served:
        status = await served.get("/v1/status")

    modes = {service["name"]: service["mode"] for service in status.body["services"]}
    assert modes == {"shop": daemons, "api": "dry_run"}


async def test_before_the_first_cycle_everything_is_unknown() -> None:
    """Cycle 0, unknown verdicts, and null for what was not read."""
    async with api(running=False) as served:
        status = await served.get("/v1/status")

    assert status.status == 200
    assert status.body["cycle"] == 0
    assert (status.body["cycle_age_s"], status.body["next_cycle_in_s"]) == (None, None)
    assert status.body["last_decision"] is None
    region = region_of(status, "shop", "world", "us-east-1")
    assert (region["verdict"], region["why"]) == ("unknown", "no cycle has ended yet")
    assert (region["observed"], region["desired"]) == (None, None)
    assert pool_of(status, "shop", "world")["holds"] == []


async def test_a_region_that_is_down_shows_why_and_its_share_moves() -> None:
    """Verdict, evidence and shares of the cycle that moved it."""
    async with api() as served:
        await served.fail("eu-west-1")
        status = await served.get("/v1/status")

    region = region_of(status, "shop", "europe", "eu-west-1")
    assert (region["verdict"], region["suspect"]) == ("down", True)
    assert "connection refused" in region["why"]
    assert (region["observed"], region["desired"]) == (0, 0)
    assert region_of(status, "shop", "europe", "eu-central-1")["observed"] == 1


async def test_overrides_and_holds_are_shown_at_what_they_concern() -> None:
    """A freeze at the top, a drain at its region, a held move at its pool."""
    async with api() as served:
        await served.post("/v1/overrides", json={"kind": "freeze", "reason": "launch"})
        body = {"kind": "drain", "region": "us-east-1", "reason": "x", "service": "shop"}
        drain = await served.post("/v1/overrides", json=body)
        await served.until(lambda: not served.calm())
        status = await served.get("/v1/status")

    assert status.body["frozen"] is True
    assert [o["kind"] for o in status.body["overrides"]] == ["freeze", "drain"]
    assert region_of(status, "shop", "world", "us-east-1")["override"] == drain.body["id"]
    assert region_of(status, "api", "world", "us-east-1")["override"] is None
    assert {h["reason"] for h in pool_of(status, "shop", "world")["holds"]} == {"frozen"}


async def test_a_wrong_set_up_is_shown_and_announced_in_orders() -> None:
    """In status as the pool's faults; in an order's preview and answer as what it does for good."""
    async with api() as served:
        status = await served.get("/v1/status")
        assert pool_of(status, "shop", "europe")["faults"] == []
        lost = next(
            record
            for record in served.world.records.stored(ZONE)
            if (record.name, record.type) == ("europe.shop.example.test.", "AAAA")
        )
        served.world.records.remove(ZONE, lost)
        hint = replace(lost, type="HTTPS", set_identifier="eu-central-1")
        served.world.records.put(ZONE, hint)
        await served.until(lambda: not served.calm())
        status = await served.get("/v1/status")
        order = {"kind": "drain", "region": "eu-central-1", "service": "shop", "pool": "europe"}
        body = {**order, "reason": "x", "ignore_guards": ["min_active", "capacity"]}
        preview = await served.post("/v1/overrides?dry_run=true", json=body)
        answer = await served.post("/v1/overrides", json=body)
        metrics = await served.get("/metrics")

    (fault,) = pool_of(status, "shop", "europe")["faults"]
    assert fault == f"weighted record {lost.name} AAAA {lost.set_identifier} is missing"
    assert pool_of(status, "shop", "world")["faults"] == []
    assert region_of(status, "shop", "europe", "eu-central-1")["unsteered"] == {"HTTPS": 1.0}
    one_way, unsteered = answer.body["warnings"]
    assert one_way.startswith("shop/europe: eu-central-1 does not come back by itself")
    assert fault in one_way
    assert unsteered.startswith("shop/europe: 100 % of HTTPS answers go on leading to eu-central-1")
    assert preview.body["warnings"] == answer.body["warnings"]
    assert f"warning: {unsteered}" in preview.body["text"]
    assert 'gtc_misconfigured{pool="europe",service="shop"} 1.0' in metrics.text


async def test_isolation_is_shown() -> None:
    """Failing reference targets are counted, and `isolated` is true."""
    async with api() as served:
        for probe in served.world.settings.reference_targets.known_good:
            served.world.prober.answer(probe, ProbeOutcome.FAILED, "no route")
        await served.until(lambda: not served.calm())
        await served.until(
            lambda: all(s.suspect for s in served.controller.probing.known_good.values())
        )
        status = await served.get("/v1/status")

    assert status.body["isolated"] is True
    assert status.body["reference_targets"]["known_good"] == {"failing": 3, "total": 3}


@pytest.mark.parametrize(
    ("outcome", "answering"), [(ProbeOutcome.FAILED, []), (ProbeOutcome.PASSED, [KNOWN_BAD])]
)
async def test_known_bad_targets_are_shown_when_they_answer(
    outcome: ProbeOutcome, answering: list[str]
) -> None:
    """They are expected to fail."""
    settings = with_known_bad(QUICK)
    async with api(settings, running=False) as served:
        served.world.prober.answer(KNOWN_BAD, outcome)
        async with in_background(served.controller.run()):
            await served.until(
                lambda: (
                    is_settled(served.controller.probing.known_bad[KNOWN_BAD])
                    and is_isolated(served) is bool(answering)
                )
            )
            status = await served.get("/v1/status")

    assert status.body["isolated"] is bool(answering)
    assert status.body["reference_targets"] == {
        "known_good": {"failing": 0, "total": 3},
        "known_bad": {"answering": answering, "total": 1},
    }


async def test_a_failed_reading_of_aws_is_shown() -> None:
    """The zone and the error; the rest of the status stays."""
    async with api() as served:
        served.world.records.trouble.unavailable = True
        served.controller.observation.invalidate("Z0SANDBOX0000000001")
        await served.controller.observation.refresh(10)
        status = await served.get("/v1/status")

    assert list(status.body["observation"]["failing"]) == ["Z0SANDBOX0000000001"]
    assert region_of(status, "shop", "world", "us-east-1")["observed"] == 0.5


async def test_the_status_is_answered_when_the_store_fails() -> None:
    """Operators need it most during failures."""
    async with api() as served:
        served.world.store.unavailable = True
        status = await served.get("/v1/status")

    assert status.status == 200
    assert status.body["last_decision"] is None
    assert status.body["state_error"] == "the fake was told to be unavailable"


async def test_the_audit_names_actor_and_action() -> None:
    """Newest first, at most `limit` entries."""
    async with api(running=False) as served:
        for author in ("ann", "bob"):
            body = {"kind": "freeze", "service": "shop", "reason": "x", "author": author}
            await served.post("/v1/overrides", json=body)
        audit = await served.get("/v1/audit?limit=2")

    assert [(item["actor"], item["action"]) for item in audit.body["items"]] == [
        ("bob (local)", "override_replaced"),
        ("bob (local)", "override_added"),
    ]


async def test_a_full_disk_is_told_by_status_and_readiness_until_there_is_room() -> None:
    """The state file can still be read, but that does not make the daemon ready."""

    async def refuse(
        record: DecisionRecord, evidence: Evidence | EvidenceText | None = None
    ) -> DecisionRecord:
        raise StateUnavailableError("the disk is full")

    async with api() as served:
        reconciliation, store = served.controller.reconciliation, served.world.store
        with Method(store.add_record).replaced(refuse):
            await served.fail("eu-west-1")
            await served.until(lambda: reconciliation.unrecorded is not None)
            full, unready = await served.get("/v1/status"), await served.get("/readyz?verbose")
        await reconciliation.reconcile()
        room, ready = await served.get("/v1/status"), await served.get("/readyz?verbose")

    assert full.body["state_error"].startswith("the disk is full; ")
    assert full.body["state_error"].endswith(" to be kept")
    assert full.body["last_decision"] is not None
    assert unready.status == 503
    assert "FAILED state: the disk is full; " in unready.text
    assert (room.body["state_error"], ready.status) == (None, 200)


async def test_inputs_of_the_status_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting users' reports for each pool would be quadratic."""
    asked: list[float] = []
    split = TrafficReports.split

    def counting(traffic: TrafficReports, window_s: float) -> object:
        asked.append(window_s)
        return split(traffic, window_s)

    async with api(running=False) as served:
        await served.get("/v1/overrides")  # this state has been decided on
        monkeypatch.setattr(TrafficReports, "split", counting)
        await served.get("/v1/status")

    assert len(asked) == 1
