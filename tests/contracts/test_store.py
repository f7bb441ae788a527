"""The contract of Store, for the fake and for SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from controller.adapters.sqlite.store import SqliteStore
from controller.model.audit import ChainPoint
from controller.model.configuration import Mode
from controller.model.decision import (
    DecisionRecord,
    Held,
    Hold,
    PipelineStep,
    PoolPlan,
    Rule,
    TimelineEvent,
    WriteResult,
)
from controller.model.errors import StateUnavailableError
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import (
    Change,
    KeptWeights,
    LeverState,
    Outcome,
    OutcomeStatus,
    Position,
)
from controller.model.overrides import OverrideKind, OverrideRequest
from controller.model.unreadable import StateCondition
from controller.planning.account.evidence import encode_evidence
from controller.ports import Store
from tests.fakes.store import FakeStore
from tests.planning.account.test_evidence import evidence

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=4)
DRAIN = OverrideRequest(
    kind=OverrideKind.DRAIN,
    author="ana",
    reason="kernel update",
    ttl_s=14_400,
    region="eu-west-1",
    service="shop",
    ignore_guards=("capacity", "panic"),
)
FREEZE = OverrideRequest(OverrideKind.FREEZE, "bo", "incident 7", 3600)
PIN = replace(DRAIN, kind=OverrideKind.PIN, share=0.3)
WEST = Position("shop", "europe", "eu-west-1")
CENTRAL = Position("shop", "europe", "eu-central-1")


def _record(cycle: int = 1, region: str = "eu-west-1") -> DecisionRecord:
    """A decision that drains one region, with every field filled."""
    change = Change(Position("shop", "europe", region), LeverState(64), LeverState(0, dial=12.5))
    plan = PoolPlan(
        service="shop",
        pool="europe",
        before={region: 0.5, "eu-central-1": 0.5},
        desired={region: 0.0, "eu-central-1": 1.0},
        after={region: 0.0, "eu-central-1": 1.0},
        rules=(
            Rule(PipelineStep.GUARD, "capacity", region, 0.5, 0.0, True, "it fits: 100 of 300"),
        ),
        held=(Held(Hold.FROZEN, "until 16:00"),),
        changes=(change,),
        emergency=True,
    )
    outcome = Outcome(OutcomeStatus.APPLIED, change_id="C1", took_s=0.21)
    health = RegionHealth(Verdict.DOWN, "web: connection refused × 3", 12.5, agreeing=1)
    return DecisionRecord(
        id=0,
        at=NOON + timedelta(microseconds=1),
        cycle=cycle,
        mode=Mode.ACTIVE,
        trigger=(f"{region} is down",),
        regions={"shop": {region: health, "eu-central-1": RegionHealth(Verdict.UP, "well")}},
        plans=(plan,),
        written=(WriteResult("route53", "Z1", (change,), outcome),),
        timeline=(TimelineEvent("detected", NOON, "3 failures"),),
        expected_effect="users leave within 60 s",
    )


class StoreContract:
    """The contract; subclasses choose the implementation."""

    def opened(self, folder: Path) -> AbstractAsyncContextManager[Store]:
        """The same state each time it is opened."""
        raise NotImplementedError

    async def test_an_override_survives_a_restart_completely(self, tmp_path: Path) -> None:
        """What was acknowledged is there, oldest first."""
        async with self.opened(tmp_path) as store:
            drain = await store.add_override(replace(DRAIN, pool="europe"), NOON, LATER)
            freeze = await store.add_override(FREEZE, NOON, LATER)
            pin = await store.add_override(PIN, NOON, LATER)
        async with self.opened(tmp_path) as store:
            assert await store.overrides() == (drain, freeze, pin)

        assert drain.id != freeze.id
        assert (drain.kind, drain.region, drain.service) == (DRAIN.kind, "eu-west-1", "shop")
        assert (drain.pool, freeze.pool) == ("europe", None)
        assert (drain.author, drain.reason) == ("ana", "kernel update")
        assert (drain.created_at, drain.expires_at) == (NOON, LATER)
        assert drain.ignore_guards == ("capacity", "panic")
        assert (freeze.region, freeze.service, freeze.ignore_guards) == (None, None, ())
        assert (drain.share, freeze.share, pin.share) == (None, None, 0.3)

    async def test_an_ended_override_is_gone_and_its_number_is_not_used_again(
        self, tmp_path: Path
    ) -> None:
        """An operator may look up `#3` in the audit for years."""
        async with self.opened(tmp_path) as store:
            first = await store.add_override(DRAIN, NOON, LATER)
            await store.end_override(first.id, actor="bo", at=LATER, why="withdrawn")
            second = await store.add_override(DRAIN, NOON, LATER)
            assert await store.overrides() == (second,)

        assert second.id > first.id

    async def test_overrides_leave_an_audit_trail(self, tmp_path: Path) -> None:
        """Who, what, why and when, for adding and ending, newest first."""
        async with self.opened(tmp_path) as store:
            override = await store.add_override(DRAIN, NOON, LATER)
            await store.end_override(override.id, actor="bo", at=LATER, why="withdrawn")
            ended, added = await store.audit_entries(limit=10)

        assert (added.action, added.actor) == ("override_added", "ana")
        assert (ended.action, ended.actor) == ("override_withdrawn", "bo")
        assert (added.at, ended.at) == (NOON.isoformat(), LATER.isoformat())
        assert "kernel update" in added.detail
        assert "kernel update" in ended.detail

    async def test_an_override_gets_another_end(self, tmp_path: Path) -> None:
        """Its other fields stay; the audit says who changed it and why."""
        end = LATER + timedelta(hours=1)
        async with self.opened(tmp_path) as store:
            drain = await store.add_override(DRAIN, NOON, LATER)
            extended = await store.extend_override(
                drain.id, expires_at=end, actor="bo", at=NOON, reason="it goes on"
            )
        async with self.opened(tmp_path) as store:
            assert await store.overrides() == (extended,)
            (entry, _) = await store.audit_entries(limit=10)

        assert extended == replace(drain, expires_at=end)
        assert (entry.action, entry.actor) == ("override_extended", "bo")
        assert "it goes on" in entry.detail

    async def test_what_has_ended_gets_no_other_end(self, tmp_path: Path) -> None:
        """Nothing changes, and the audit gets no entry."""
        async with self.opened(tmp_path) as store:
            drain = await store.add_override(DRAIN, NOON, LATER)
            await store.end_override(drain.id, actor="bo", at=NOON, why="withdrawn")
            with pytest.raises(StateUnavailableError, match="has ended"):
                await store.extend_override(
                    drain.id, expires_at=LATER, actor="bo", at=NOON, reason="x"
                )
            assert len(await store.audit_entries(limit=10)) == 2

    async def test_an_override_ends_those_it_replaces(self, tmp_path: Path) -> None:
        """In one transaction, so that no crash leaves two of them active."""
        async with self.opened(tmp_path) as store:
            first = await store.add_override(DRAIN, NOON, NOON)
            second = await store.add_override(DRAIN, NOON, LATER, [first.id])
            assert await store.overrides() == (second,)
            ended = (await store.audit_entries(limit=1))[0]

        assert ended.action == "override_replaced"

    async def test_ending_twice_is_ending_once(self, tmp_path: Path) -> None:
        """An operator and the expiry may coincide; the first one's audit entry stays."""
        async with self.opened(tmp_path) as store:
            override = await store.add_override(DRAIN, NOON, LATER)
            await store.end_override(override.id, actor="bo", at=LATER, why="withdrawn")
            await store.end_override(override.id, actor="daemon", at=LATER, why="expired")
            entries = await store.audit_entries(limit=10)

        assert [entry.action for entry in entries] == ["override_withdrawn", "override_added"]

    async def test_ending_what_was_never_stored_is_an_error(self, tmp_path: Path) -> None:
        """The file is not the one that the caller expects."""
        async with self.opened(tmp_path) as store:
            with pytest.raises(StateUnavailableError, match="override 7"):
                await store.end_override(7, actor="bo", at=NOON, why="withdrawn")

    async def test_a_record_comes_back_as_it_went_in(self, tmp_path: Path) -> None:
        """Every field, with its id, after a restart."""
        async with self.opened(tmp_path) as store:
            stored = await store.add_record(_record())
        async with self.opened(tmp_path) as store:
            assert await store.record(stored.id) == stored

        assert stored == replace(_record(), id=stored.id)
        assert stored.id > 0

    async def test_evidence_comes_back_as_it_went_in(self, tmp_path: Path) -> None:
        """After a restart and an update of its record; None if none was given."""
        given = evidence("see eu-west-1=D")
        async with self.opened(tmp_path) as store:
            bare = await store.add_record(_record())
            stored = await store.add_record(_record(), given)
            await store.update_record(replace(stored, measured_effect="0 % remain"))
        async with self.opened(tmp_path) as store:
            assert await store.evidence(stored.id) == encode_evidence(given)
            assert await store.evidence(bare.id) is None
            assert await store.evidence(99) is None

    async def test_a_record_is_updated_with_what_became_known_later(self, tmp_path: Path) -> None:
        """The timeline grows after the decision."""
        async with self.opened(tmp_path) as store:
            stored = await store.add_record(_record())
            moments = (*stored.timeline, TimelineEvent("insync", LATER))
            updated = replace(stored, timeline=moments, measured_effect="0 % remain")
            await store.update_record(updated)
            assert await store.record(stored.id) == updated
            assert await store.records(limit=10) == (updated,)

    async def test_a_record_is_added_once_and_updated_only_if_there(self, tmp_path: Path) -> None:
        """A confusion of the two would lose history."""
        async with self.opened(tmp_path) as store:
            with pytest.raises(ValueError, match="decision record 3"):
                await store.add_record(replace(_record(), id=3))
            with pytest.raises(StateUnavailableError, match="decision record 3"):
                await store.update_record(replace(_record(), id=3))
            assert await store.record(3) is None

    async def test_records_come_newest_first_in_pages(self, tmp_path: Path) -> None:
        """`before` is the last id of the previous page."""
        async with self.opened(tmp_path) as store:
            stored = [await store.add_record(_record(cycle)) for cycle in range(5)]
            first = await store.records(limit=2)
            second = await store.records(limit=2, before=first[-1].id)

        assert first == (stored[4], stored[3])
        assert second == (stored[2], stored[1])

    async def test_records_with_errors_are_the_same_while_there_are_none(
        self, tmp_path: Path
    ) -> None:
        """And nothing has to be told of the state."""
        async with self.opened(tmp_path) as store:
            for region in ("eu-west-1", "eu-north-1", "eu-west-1"):
                await store.add_record(_record(1, region))
            for before, place in ((None, None), (3, None), (None, "eu-north-1"), (1, "eu-west-1")):
                found = await store.records(limit=2, before=before, region=place)
                assert found == await store.records_or_errors(limit=2, before=before, region=place)
            assert store.condition() == StateCondition()

    async def test_records_can_be_asked_for_one_region(self, tmp_path: Path) -> None:
        """Those in which it was unhealthy, moved, held or written; not all that mention it."""
        async with self.opened(tmp_path) as store:
            west = await store.add_record(_record(1, "eu-west-1"))
            north = await store.add_record(_record(2, "eu-north-1"))
            assert await store.records(limit=10, region="eu-west-1") == (west,)
            assert await store.records(limit=10, region="eu-north-1") == (north,)
            assert await store.records(limit=10, region="eu-central-1") == ()
            assert await store.records(limit=10, region="eu-west-1", before=west.id) == ()

    async def test_records_can_be_asked_for_as_of_a_time(self, tmp_path: Path) -> None:
        """The newest ones then; exactly at that time counts, in any time zone."""
        east = timezone(timedelta(hours=5))
        async with self.opened(tmp_path) as store:
            early = await store.add_record(replace(_record(1), at=NOON))
            late = await store.add_record(replace(_record(2, "eu-north-1"), at=LATER))
            for until, found in (
                (NOON - timedelta(microseconds=1), ()),
                (NOON, (early,)),
                (NOON.astimezone(east) + timedelta(seconds=1.5), (early,)),
                (LATER, (late, early)),
            ):
                assert await store.records(limit=10, until=until) == found
            assert await store.records(limit=1, until=LATER, region="eu-west-1") == (early,)

    async def test_an_update_changes_nothing_that_was_decided(self, tmp_path: Path) -> None:
        """Timeline and measured effect grow; the other fields stay as sealed."""
        async with self.opened(tmp_path) as store:
            stored = await store.add_record(_record())
            other = replace(_record(2, "eu-north-1"), id=stored.id, measured_effect="0 %")
            await store.update_record(other)
            updated = replace(stored, measured_effect="0 %")
            assert await store.records(limit=10, region="eu-west-1") == (updated,)
            assert await store.records(limit=10, region="eu-north-1") == ()
            assert (await store.check_audit()).ok

    async def test_expectations_are_kept_for_each_position(self, tmp_path: Path) -> None:
        """A later one replaces that position's only; all survive a restart."""
        async with self.opened(tmp_path) as store:
            await store.expect(
                {WEST: (LeverState(64), LeverState(0)), CENTRAL: (LeverState(128, 25.0),)}
            )
            await store.expect({WEST: (LeverState(0),)})
        async with self.opened(tmp_path) as store:
            expected = await store.expected()

        assert expected == {WEST: (LeverState(0),), CENTRAL: (LeverState(128, 25.0),)}

    async def test_carried_weights_are_kept_for_each_position(self, tmp_path: Path) -> None:
        """With the lever that they were seen behind; the newest ones count."""
        blue_green = KeptWeights("accelerator a", {"g alb-1": 230, "g alb-2": 25})
        twins = KeptWeights("route53 Z1 shop.", {"A": 200, "AAAA": 50})
        async with self.opened(tmp_path) as store:
            await store.keep_weights({WEST: KeptWeights("accelerator a", {"g alb-1": 1})})
            await store.keep_weights({WEST: blue_green, CENTRAL: twins})
        async with self.opened(tmp_path) as store:
            assert await store.kept_weights() == {WEST: blue_green, CENTRAL: twins}

    async def test_expectations_are_deleted(self, tmp_path: Path) -> None:
        """Of the given positions only; unknown ones do no harm."""
        async with self.opened(tmp_path) as store:
            await store.expect({WEST: (LeverState(64),), CENTRAL: (LeverState(128, 25.0),)})
            await store.expect({WEST: ()})
            await store.expect({WEST: ()})
        async with self.opened(tmp_path) as store:
            assert await store.expected() == {CENTRAL: (LeverState(128, 25.0),)}

    async def test_the_audit_is_appended_to_and_read_newest_first(self, tmp_path: Path) -> None:
        """What the daemon and operators did, each with its date."""
        async with self.opened(tmp_path) as store:
            for number in range(3):
                await store.audit(at=NOON, actor="ana", action="reload", detail=str(number))
        async with self.opened(tmp_path) as store:
            entries = await store.audit_entries(limit=2)

        assert [entry.detail for entry in entries] == ["2", "1"]
        newest = entries[0]
        assert (newest.at, newest.actor, newest.action) == (NOON.isoformat(), "ana", "reload")
        assert (newest.seq, newest.previous) == (3, entries[1].digest)

    async def test_the_audit_is_read_in_pages(self, tmp_path: Path) -> None:
        """`before` is the number of the last entry of the previous page."""
        async with self.opened(tmp_path) as store:
            for number in range(5):
                await store.audit(at=NOON, actor="ana", action="reload", detail=str(number))
            first = await store.audit_entries(limit=2)
            second = await store.audit_entries(limit=2, before=first[-1].seq)

        assert [entry.detail for entry in (*first, *second)] == ["4", "3", "2", "1"]

    async def test_decisions_are_sealed_and_not_listed(self, tmp_path: Path) -> None:
        """They have a separate list; fields that come later may still be added."""
        async with self.opened(tmp_path) as store:
            stored = await store.add_record(_record())
            await store.audit(at=NOON, actor="ana", action="reload", detail="")
            moments = (*stored.timeline, TimelineEvent("insync", LATER))
            await store.update_record(replace(stored, timeline=moments, measured_effect="0 %"))
            entries = await store.audit_entries(limit=10)
            check = await store.check_audit()

        assert [entry.action for entry in entries] == ["reload"]
        assert check.ok
        assert (check.entries, check.records, check.head) == (2, 1, entries[0].point)

    async def test_a_noted_chain_point_is_found_again(self, tmp_path: Path) -> None:
        """A chain that was made again is consistent but lacks it."""
        async with self.opened(tmp_path) as store:
            await store.audit(at=NOON, actor="ana", action="reload", detail="")
            noted = (await store.check_audit()).head
            await store.audit(at=NOON, actor="ana", action="reload", detail="")
            found = await store.check_audit(noted)
            other = await store.check_audit(ChainPoint(1, "f" * 64))

        assert found.ok
        assert other.faults == (
            f"no entry is 1:{'f' * 64}: the chain was made anew, or its end removed",
        )


class TestFakeStore(StoreContract):
    """The fake that tests of the loops use; one object is one file."""

    def setup_method(self) -> None:
        self._store = FakeStore()

    @asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[Store]:
        yield self._store


class TestSqliteStore(StoreContract):
    """The adapter, on a real file."""

    @asynccontextmanager
    async def opened(self, folder: Path) -> AsyncIterator[Store]:
        async with SqliteStore(folder / "state" / "gtc.sqlite") as store:
            yield store
