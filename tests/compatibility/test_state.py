"""A daemon of this version continues from the state file of an earlier version.

`state/*.sqlite.gz` are state files after the day of `day.py`; they are never recorded again. A new
schema, or snapshots of another form, get a new file beside them.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller import __version__
from controller.adapters.sqlite.store import SqliteStore
from controller.cli import root
from controller.model.decoding import UnreadableError
from controller.model.levers import LeverState, Position
from controller.model.overrides import OverrideKind
from controller.planning.account.evidence import RecordedEvidence, export_evidence
from controller.planning.account.replay import replay
from tests.compatibility.day import (
    FOLDER,
    Daemon,
    StoreInLoop,
    initial_world,
    running_daemon,
    simulated,
)
from tests.fakes.clock import FakeClock
from tests.loops.simulated import ZONE, World, groups

FILES = sorted((FOLDER / "state").glob("*.sqlite.gz"))
RECORDS = 42
TWO_PRICES = (
    "settings of version 1: services shop and api give eu-west-1 two values of egress_usd_per_gb, "
    "0.09 and 0.02; the catalogue of regions has one value for all services, so this cannot be "
    "decided again"
)
NOT_REPLAYABLE: dict[str, dict[int, str]] = {
    "241def4": {},
    "20990cb": {},
    "2d6d344": {},
    "20990cb-two-prices": dict.fromkeys(range(1, RECORDS + 1), TWO_PRICES),
}
"""File to the decisions in it that this version cannot replay, with the beginning of the error of
`gtc replay` for each."""
DIFFERENT: dict[str, dict[int, set[str]]] = {
    "241def4": {
        **{key: {"wake_at"} for key in (2, 3)},  # a start waits for endpoints two minutes at most
        **{key: {"memory.services.shop.begun"} for key in (4, 5)},  # each service begins by itself
        **{key: {"drift.shop.world.us-east-1"} for key in (28, 29)},  # says what both records show
    },
    "20990cb": {},
    "2d6d344": {},
}
"""File to the decisions in it whose replay differs, with the places that differ."""
ENDS = datetime(2026, 6, 1, 12, 7, tzinfo=UTC)
"""The time at which the day ends."""
EXPECTED = {
    Position("api", "world", "eu-west-1"): (LeverState(128, 100.0),),
    Position("api", "world", "us-east-1"): (LeverState(0, 0.0),),
    Position("shop", "europe", "eu-central-1"): (LeverState(0),),
    Position("shop", "europe", "eu-west-1"): (LeverState(64),),
    Position("shop", "world", "eu-central-1"): (LeverState(0),),
    Position("shop", "world", "eu-west-1"): (LeverState(85),),
    Position("shop", "world", "us-east-1"): (LeverState(255),),
}


@pytest.fixture(params=FILES, ids=lambda path: path.name.partition(".")[0])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a recorded state file."""
    path = tmp_path / f"{request.param.name.partition('.')[0]}.sqlite"
    path.write_bytes(gzip.decompress(request.param.read_bytes()))
    return path


async def test_its_records_overrides_and_expectations_are_read(state: Path) -> None:
    """All of them, the ended overrides excepted."""
    async with SqliteStore(state) as store:
        records = await store.records(limit=1000)
        assert [record.id for record in records] == list(range(RECORDS, 0, -1))
        holds = {hold.reason.value for r in records for plan in r.plans for hold in plan.held}
        assert {"panic", "self_isolated", "drift", "unknown_health", "ramp_step"} <= holds
        assert {o.kind for o in await store.overrides()} == set(OverrideKind)
        pin = (await store.overrides())[0]
        assert (pin.kind, pin.region, pin.pool, pin.share) == ("pin", "eu-west-1", "world", 0.25)
        assert await store.expected() == EXPECTED


async def test_its_audit_chain_is_valid_and_continues(state: Path) -> None:
    """A migration does not change earlier entries, and new ones follow them."""
    with closing(sqlite3.connect(state)) as connection:
        before = connection.execute("SELECT * FROM audit ORDER BY seq").fetchall()
    async with SqliteStore(state) as store:
        await store.audit(at=ENDS, actor="ana", action="looked", detail="on another day")
        check = await store.check_audit()
        assert (check.faults, check.records, check.snapshots) == ((), RECORDS, RECORDS)
        assert [entry.action for entry in await store.audit_entries(limit=1)] == ["looked"]
    with closing(sqlite3.connect(state)) as connection:
        after = connection.execute("SELECT * FROM audit ORDER BY seq").fetchall()
    assert after[: len(before)] == before
    assert len(after) > len(before)


async def test_its_decisions_are_replayed_or_refused_with_a_reason(state: Path) -> None:
    """The tables name the refused and the different ones; all others are the same."""
    said = {}
    async with SqliteStore(state) as store:
        for record_id in range(1, RECORDS + 1):
            evidence = await store.evidence(record_id)
            assert evidence is not None
            try:
                again = replay(RecordedEvidence(record_id, __version__, evidence), __version__)
            except UnreadableError as error:
                said[record_id] = str(error)
            else:
                places = {one.place for one in again.differences}
                assert places == DIFFERENT[state.stem].get(record_id, set()), record_id
    known = NOT_REPLAYABLE[state.stem]
    assert said.keys() == known.keys()
    assert {key: text for key, text in said.items() if not text.startswith(known[key])} == {}


async def test_an_exported_decision_can_be_replayed_from_a_file(
    state: Path, tmp_path: Path
) -> None:
    """`gtc replay --file` on a file of `--export`."""
    known = NOT_REPLAYABLE[state.stem]
    record_id = next((n for n in range(RECORDS, 0, -1) if n not in known), RECORDS)
    async with SqliteStore(state) as store:
        evidence = await store.evidence(record_id)
    assert evidence is not None
    file = tmp_path / "decision.json"
    file.write_text(json.dumps(export_evidence(RecordedEvidence(record_id, __version__, evidence))))
    result = CliRunner().invoke(root, ["replay", "--file", str(file)])
    if record_id in known:
        said = f"Error: {file}: {known[record_id]}\n"
        assert (result.exit_code, result.output) == (1, said)
    else:
        assert (result.exit_code, "is the same byte for byte" in result.output) == (0, True)


def test_its_orders_stay_active_when_aws_did_not_change(state: Path) -> None:
    """The start moves nothing, because all is as ordered; an order that ends is undone."""

    async def script(daemon: Daemon) -> None:
        world = daemon.world
        before = (world.weights("world"), world.weights("europe"), world.dials())
        await world.clock.sleep(60)
        assert (world.weights("world"), world.weights("europe"), world.dials()) == before
        assert await holds(daemon, "api") | await holds(daemon, "shop") == set()
        orders = {o["kind"]: o["id"] for o in (await daemon.get("/v1/overrides"))["items"]}
        for kind in ("drain", "freeze", "failover"):
            await daemon.send("DELETE", f"/v1/overrides/{orders[kind]}", 200)
        await world.clock.sleep(60)
        assert world.weights("europe")["eu-central-1"] == world.weights("europe")["eu-west-1"]
        assert world.dials()["us-east-1"] == (100.0, 128)

    simulated(on(state, as_left, script))


def test_its_orders_are_carried_out_when_aws_has_other_weights(state: Path) -> None:
    """Unexpected weights are drift; after its hold the orders apply. A frozen service stays."""

    async def script(daemon: Daemon) -> None:
        world = daemon.world
        dials = world.dials()
        await world.clock.sleep(60)
        records = await world.store.records(limit=1000)
        new = [plan for record in records if record.id > RECORDS for plan in record.plans]
        assert "drift" in {hold.reason.value for plan in new for hold in plan.held}
        assert world.weights("europe")["eu-central-1"] == 0
        weights = {region: weight or 0 for region, weight in world.weights("world").items()}
        assert weights["eu-west-1"] / sum(weights.values()) == pytest.approx(0.25, abs=0.01)
        assert world.dials() == dials
        assert await holds(daemon, "api") == {"frozen"}

    simulated(on(state, lambda world: None, script))


def as_left(world: World) -> None:
    """Set AWS to the state at the end of the day."""
    for record in world.records.stored(ZONE):
        pool = record.name.partition(".")[0]
        (setting,) = EXPECTED[Position("shop", pool, record.set_identifier or "")]
        world.records.put(ZONE, replace(record, weight=setting.weight))
    for arn, found in groups(world.settings).items():
        for group in found:
            (setting,) = EXPECTED[Position("api", "world", group.region)]
            endpoint = replace(group.endpoints[0], weight=setting.weight)
            dial = setting.dial or 0.0
            world.accelerators.put(arn, replace(group, dial=dial, endpoints=(endpoint,)))


async def on(
    state: Path,
    prepare: Callable[[World], None],
    script: Callable[[Daemon], Coroutine[Any, Any, None]],
) -> None:
    """Start a daemon on the file at the end of the day, in a prepared world."""
    async with StoreInLoop(state) as store:
        world = initial_world(store=store, clock=FakeClock(ENDS))
        prepare(world)
        async with running_daemon(world) as running:
            await script(running)


async def holds(daemon: Daemon, service: str) -> set[str]:
    """Reasons of the present holds of a service's pools."""
    status = await daemon.get("/v1/status")
    (found,) = (one for one in status["services"] if one["name"] == service)
    return {hold["reason"] for pool in found["pools"] for hold in pool["holds"]}
