"""Reloads in simulated time, through all loops: what is taken over, what is refused, what stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from controller.composition import Controller
from controller.loops.reload.proposal import ReloadProposal
from controller.loops.reload.reload import ReloadRefusedError
from controller.model.configuration import Mode, Settings
from controller.model.errors import InvalidSettingsError, Problem, StateUnavailableError
from controller.model.health import Verdict
from controller.model.levers import RecordSet
from controller.planning.account.moves import ShareMove
from controller.settings import LoadedSettings
from controller.settings.references import NO_REFERENCES, References
from tests.fakes.methods import Method
from tests.loops.hanging import hanging
from tests.loops.simulated import SETTINGS, ZONE, World
from tests.loops.small import events, logged
from tests.loops.watching import drain, edit

pytestmark = pytest.mark.looptime

CALM = {"eu-west-1": 64, "eu-central-1": 64, "us-east-1": 128}
WELL_S = 20
MORE_IN_CENTRAL = {"eu-central-1": {"share": 2.0}}
"""Traffic leaves eu-west-1 and us-east-1 for eu-central-1."""


def edited(edit: Callable[[dict[str, Any]], None]) -> Settings:
    """The sandbox's settings after an edit of their data."""
    data = SETTINGS.model_dump(mode="json")
    edit(data)
    return Settings.model_validate(data)


def with_regions(changes: Mapping[str, Mapping[str, object]], service: str = "shop") -> Settings:
    """The sandbox's settings with other keys in some regions."""

    def edit(data: dict[str, Any]) -> None:
        for name, keys in changes.items():
            data["services"][service]["regions"][name] |= dict(keys)

    return edited(edit)


def without(region: str) -> Settings:
    """The sandbox's settings without one region of the service `shop`."""

    def edit(data: dict[str, Any]) -> None:
        shop = data["services"]["shop"]
        del shop["regions"][region]
        for pool in shop["pools"].values():
            pool["regions"] = [name for name in pool["regions"] if name != region]

    return edited(edit)


class File:
    """What a reload finds."""

    def __init__(self) -> None:
        self.settings = SETTINGS
        self.references = NO_REFERENCES
        self.mistake: str | None = None
        self.taken: list[LoadedSettings] = []

    async def load(self) -> LoadedSettings:
        if self.mistake:
            raise InvalidSettingsError("gtc.yaml", (Problem(self.mistake, "api.port", 3, 9),))
        return LoadedSettings(self.settings, self.references)

    @asynccontextmanager
    async def running(self, world: World) -> AsyncIterator[Controller]:
        """The daemon's loops on this file, once everything is well."""
        async with world.running(load=self.load, swapped=(self.taken.append,)) as controller:
            await asyncio.sleep(WELL_S)
            yield controller


def metric(controller: Controller, name: str, **labels: str) -> float | None:
    return controller.api_dependencies().metrics.registry.get_sample_value(name, labels)


async def test_a_reload_of_the_same_file_changes_nothing() -> None:
    """No decision, no write, no state lost; but those that keep references are called."""
    world, file = World(), File()
    async with file.running(world) as controller:
        before, records = controller.probing.health, await world.store.records(limit=100)
        file.references = References({"env:KEY": "rotated"})
        proposal = await controller.reload.reload("ann")
        await asyncio.sleep(60)
        after = controller.probing.health

    assert (proposal.differences, proposal.moves) == ((), ())
    assert {i: s.verdict for i, s in after.items()} == {i: s.verdict for i, s in before.items()}
    assert all(after[i].since == state.since for i, state in before.items())
    assert await world.store.records(limit=100) == records
    assert world.records.writes == []
    assert file.taken[0].references.secrets == {"env:KEY": "rotated"}


async def test_settings_that_move_nothing_are_taken_over_by_every_loop() -> None:
    """Probing asks faster, overrides know other limits, the record names the reload."""
    world, file = World(), File()

    def edit(data: dict[str, Any]) -> None:
        data["probing"]["interval_s"] = 0.5
        data["overrides"]["max_ttl_s"] = 100
        data["overrides"]["default_ttl_s"] = 50

    file.settings = edited(edit)
    async with file.running(world) as controller:
        hash_before = controller.api_dependencies().settings_hash
        proposal = await controller.reload.reload("ann")
        asked = len(world.prober.asked)
        await asyncio.sleep(10)
        asked = len(world.prober.asked) - asked
        record = await world.newest()
        assert controller.api_dependencies().settings is file.settings
        assert controller.api_dependencies().settings_hash == proposal.settings_hash != hash_before
        assert controller.api_dependencies().settings.overrides.max_ttl_s == 100

    assert [str(one) for one in proposal.differences] == [
        "~ probing.interval_s: 1 → 0.5",
        "~ overrides.default_ttl_s: 14400 → 50",
        "~ overrides.max_ttl_s: 604800 → 100",
    ]
    assert asked >= 18 * len(list(SETTINGS.endpoints()))
    assert record.trigger[0].startswith("settings reloaded by ann: ~ probing.interval_s: 1 → 0.5;")
    (entry,) = [e for e in await world.store.audit_entries(limit=10) if "reload" in e.action]
    assert (entry.actor, entry.action) == ("ann", "settings_reloaded")
    assert metric(controller, "gtc_config_last_reload_successful") == 1


async def test_one_region_may_lose_traffic_without_an_operator_accepting_it() -> None:
    """A share of 0 drains it, by the next cycle and through every guard."""
    world, file = World(), File()
    file.settings = with_regions({"eu-west-1": {"share": 0.0}})
    async with file.running(world) as controller:
        proposal = await controller.reload.reload("ann")
        await asyncio.sleep(5)

    assert proposal.losing == ("eu-west-1",)
    assert world.weights("world")["eu-west-1"] == 0
    assert (await world.newest()).plans


async def test_more_than_one_region_needs_the_plan_accepted_by_its_hash() -> None:
    """The hash is of this plan: with another it would be another."""
    world, file = World(), File()
    file.settings = with_regions(MORE_IN_CENTRAL)
    async with file.running(world) as controller:
        with pytest.raises(ReloadRefusedError) as refusal:
            await controller.reload.reload("ann")
        shown = refusal.value.proposal
        assert str(refusal.value) == (
            "2 regions would lose traffic: eu-west-1, us-east-1; "
            f"accept this plan by its hash, {shown.hash}"
        )
        assert metric(controller, "gtc_config_last_reload_successful") == 0
        await asyncio.sleep(30)
        assert world.weights("world") == CALM
        assert controller.api_dependencies().settings is SETTINGS

        assert await controller.reload.propose() == shown
        with pytest.raises(ReloadRefusedError, match="the hash 0123 is of another plan"):
            await controller.reload.reload("ann", accept="0123")
        await controller.reload.reload("ann", accept=shown.hash)
        await asyncio.sleep(60)

    assert metric(controller, "gtc_config_last_reload_successful") == 1
    assert world.weights("world") != CALM


async def test_a_proposal_shows_everything_and_does_nothing() -> None:
    """Not even to the metric: no reload was requested."""
    world, file = World(), File()
    file.settings = with_regions(MORE_IN_CENTRAL)
    async with file.running(world) as controller:
        proposal = await controller.reload.propose()
        await asyncio.sleep(30)
        assert controller.api_dependencies().settings is SETTINGS
        assert metric(controller, "gtc_config_last_reload_successful") == 1

    assert proposal.losing == ("eu-west-1", "us-east-1")
    assert [p.pool for p in proposal.plans] == ["europe", "world", "world"]
    assert world.records.writes == []


async def test_a_fact_of_a_region_is_proposed_and_taken_over_for_every_service() -> None:
    """Once, under its key in the catalogue; the next decision looks at it."""

    def edit(data: dict[str, Any]) -> None:
        data["regions"]["eu-west-1"] |= {"egress_usd_per_gb": 0.02, "place": "Cork"}

    world, file = World(), File()
    async with file.running(world) as controller:
        file.settings = edited(edit)
        shown = [str(one) for one in (await controller.reload.propose()).differences]
        await controller.reload.reload("ann")
        await asyncio.sleep(30)
        latest = controller.reconciliation.latest

    assert shown == [
        "~ regions.eu-west-1.egress_usd_per_gb: 0.09 → 0.02",
        '~ regions.eu-west-1.place: "Dublin, Ireland" → Cork',
    ]
    assert latest is not None
    assert latest.snapshot.settings.regions["eu-west-1"].egress_usd_per_gb == 0.02
    assert world.records.writes == []


async def test_what_needs_a_restart_is_refused_by_name() -> None:
    """Half of a file is not taken over; the whole is left."""
    world, file = World(), File()

    def edit(data: dict[str, Any]) -> None:
        data["api"]["port"] = 1
        data["state_path"] = "elsewhere"
        data["mode"] = "dry_run"

    file.settings = edited(edit)
    async with file.running(world) as controller:
        with pytest.raises(ReloadRefusedError) as refusal:
            await controller.reload.reload("ann", accept=(await controller.reload.propose()).hash)
        assert controller.api_dependencies().settings.mode is Mode.ACTIVE

    assert str(refusal.value) == "these keys need a restart: state_path, api.port"


async def test_a_file_with_a_mistake_leaves_the_last_good_settings_in_force() -> None:
    """The log has every mistake; the metric says that what stands in the file does not run."""
    world, file = World(), File()
    file.mistake = "port must be a number"
    async with file.running(world) as controller:
        with logged() as lines, pytest.raises(InvalidSettingsError):
            await controller.reload.reload("ann")
        await asyncio.sleep(30)
        assert controller.api_dependencies().settings is SETTINGS
        assert metric(controller, "gtc_config_last_reload_successful") == 0

    (line,) = [line for line in lines if line["event"] == "reload_failed"]
    assert line["problems"] == ["gtc.yaml:3:9: port must be a number (api.port)"]


async def test_a_reload_that_cannot_be_audited_is_not_carried_out() -> None:
    """As with every order: nothing happens without a trace."""
    world, file = World(), File()
    file.settings = with_regions({"eu-west-1": {"share": 0.0}})
    async with file.running(world) as controller:
        world.store.unavailable = True
        with pytest.raises(StateUnavailableError):
            await controller.reload.reload("ann")
        assert controller.api_dependencies().settings is SETTINGS


async def test_the_series_of_a_region_that_is_gone_vanish_and_others_keep_their_counts() -> None:
    """No alert waits for ever for a region that is not steered any more."""
    world, file = World(), File()
    file.settings = without("eu-central-1")
    gone = {"service": "shop", "region": "eu-central-1"}
    kept = {"service": "shop", "region": "eu-west-1"}
    async with file.running(world) as controller:
        assert metric(controller, "gtc_region_up", **gone) == 1
        before = metric(controller, "gtc_probes_total", **kept, endpoint="web", outcome="passed")
        await controller.reload.reload("ann", accept=(await controller.reload.propose()).hash)
        await asyncio.sleep(15)
        assert metric(controller, "gtc_region_up", **gone) is None
        assert metric(controller, "gtc_region_up", **kept) == 1
        text = str(list(controller.api_dependencies().metrics.registry.collect()))
        assert "eu-central-1" not in text
        after = metric(controller, "gtc_probes_total", **kept, endpoint="web", outcome="passed")
        assert before is not None
        assert after is not None
        assert after > before > 0


async def test_no_series_of_a_service_that_is_gone_remains() -> None:
    """Of whichever metric: one that stayed at 1 would page for ever."""
    world, file = World(), File()
    file.settings = edited(lambda data: data["services"].pop("api"))

    def told(controller: Controller) -> set[str]:
        families = controller.api_dependencies().metrics.registry.collect()
        samples = (sample for family in families for sample in family.samples)
        return {sample.name for sample in samples if sample.labels.get("service") == "api"}

    async with file.running(world) as controller:
        assert "gtc_undecided" in told(controller)
        await controller.reload.reload("ann", accept=(await controller.reload.propose()).hash)
        await asyncio.sleep(15)
        assert told(controller) == set()


async def test_a_region_that_is_down_stays_down_through_a_reload() -> None:
    """Its evidence is not lost because something else is edited."""
    world, file = World(), File()
    file.settings = with_regions({"us-east-1": {"capacity_rps": 700.0}})
    async with file.running(world) as controller:
        world.kill("eu-west-1")
        await asyncio.sleep(5)
        await controller.reload.reload("ann")
        await asyncio.sleep(0.5)
        verdicts = {i.region: s.verdict for i, s in controller.probing.health.items()}

    assert verdicts["eu-west-1"] is Verdict.DOWN
    assert world.weights("world")["eu-west-1"] == 0


async def test_what_was_expected_of_a_region_is_forgotten_with_it() -> None:
    """What was done to its records while it was not steered is no change to what we wrote."""
    world, file = World(), File()
    file.settings = without("eu-central-1")
    async with file.running(world) as controller:
        await controller.reload.reload("ann", accept=(await controller.reload.propose()).hash)
        await asyncio.sleep(5)
        edit(world, "world", "eu-central-1", 7)
        await asyncio.sleep(WELL_S)
        file.settings = SETTINGS
        await controller.reload.reload("ann", accept=(await controller.reload.propose()).hash)
        await asyncio.sleep(3)
        latest = controller.reconciliation.latest

    assert latest is not None
    assert not latest.decision.drift


async def test_what_was_expected_of_records_is_not_expected_of_others() -> None:
    """Another zone has other weights; a late answer of the old one does not count for it."""
    world, file = World(), File()
    other = replace_zone("Z0OTHER")
    file.settings = edited(other)
    world.records._zones["Z0OTHER"] = {
        key: replace(record, weight=100) for key, record in world.records._zones[ZONE].items()
    }
    async with file.running(world) as controller:
        with hanging(world.records, "change", 8):
            world.kill("eu-west-1")
            await asyncio.sleep(2)
            controller.reconciliation._wakeup.notify()
            await asyncio.sleep(1)
            world.heal("eu-west-1")
        await controller.reload.reload("ann", accept=(await controller.reload.propose()).hash)
        drifts = []
        for _ in range(12):
            await asyncio.sleep(1)
            assert controller.reconciliation.latest is not None
            drifts.append(controller.reconciliation.latest.decision.drift)

    assert world.weights("world")["eu-west-1"] == 0, "the old zone's write was answered late"
    assert not any(drifts)


def replace_zone(zone: str) -> Callable[[dict[str, Any]], None]:
    """The service `shop` is steered in another zone."""

    def edit_zone(data: dict[str, Any]) -> None:
        data["services"]["shop"]["levers"]["route53"]["hosted_zone_id"] = zone

    return edit_zone


async def test_another_address_of_an_endpoint_moves_nothing_until_it_is_known() -> None:
    """Unknown moves nothing; the new address earns its verdict."""
    world, file = World(), File()
    web = {"web": {"probe": "http://127.0.10.9:8080/healthz", "body_contains": "ok"}}
    file.settings = with_regions({"eu-west-1": {"endpoints": web}})
    async with file.running(world) as controller:
        await controller.reload.reload("ann")
        await asyncio.sleep(0.1)
        states = {
            i: s.verdict for i, s in controller.probing.health.items() if i.region == "eu-west-1"
        }
        assert sorted(v.value for v in states.values()) == ["unknown", "up"]
        await asyncio.sleep(30)
        assert set(controller.probing.health) == {i for i, _ in file.settings.endpoints()}
        assert all(s.verdict is Verdict.UP for s in controller.probing.health.values())

    assert world.records.writes == []


async def test_from_dry_run_to_active_what_was_held_is_written() -> None:
    """And the mode's metric follows."""
    world, file = World(edited(lambda data: data.update(mode="dry_run"))), File()
    async with file.running(world) as controller:
        world.kill("eu-west-1")
        await asyncio.sleep(5)
        assert world.records.writes == []
        proposal = await controller.reload.reload("ann")
        await asyncio.sleep(5)

    assert proposal.losing == ("eu-west-1",)
    assert world.weights("world")["eu-west-1"] == 0
    assert metric(controller, "gtc_mode", mode="active") == 1
    assert metric(controller, "gtc_mode", mode="dry_run") == 0


async def test_a_signal_reloads_and_a_refusal_does_not_end_the_loop() -> None:
    """Twice in a row, with a mistake in between."""
    world, file = World(), File()
    file.mistake = "wrong"
    async with file.running(world) as controller:
        controller.reload.signal()
        await asyncio.sleep(1)
        assert metric(controller, "gtc_config_last_reload_successful") == 0
        file.mistake = None
        file.settings = edited(lambda data: data["cycle"].update(period_s=5))
        controller.reload.signal()
        await asyncio.sleep(1)
        assert controller.api_dependencies().settings is file.settings
        entries = await world.store.audit_entries(limit=10)

    assert [e.actor for e in entries if e.action == "settings_reloaded"] == ["SIGHUP"]


async def test_whatever_a_signal_meets_the_loop_goes_on() -> None:
    """A disk that breaks in the middle must not take the daemon along."""
    world, file = World(), File()

    async def broken() -> LoadedSettings:
        raise RuntimeError("the disk is on fire")

    async with world.running(load=broken) as controller:
        await asyncio.sleep(WELL_S)
        with logged() as lines:
            controller.reload.signal()
            await asyncio.sleep(1)
        assert [line["event"] for line in lines if "reload" in line["event"]] == ["reload_failed"]
        assert metric(controller, "gtc_config_last_reload_successful") == 0
        controller.reload._proposals._load = file.load
        controller.reload.signal()
        await asyncio.sleep(1)
        assert metric(controller, "gtc_config_last_reload_successful") == 1


async def test_settings_never_change_within_a_cycle() -> None:
    """A reload waits for the cycle under way: nothing is written by a mixture of two files."""
    world, file = World(), File()
    file.settings = without("eu-central-1")
    read = world.records.read

    async def slow(hosted_zone_id: str) -> tuple[RecordSet, ...]:
        await asyncio.sleep(3)
        return await read(hosted_zone_id)

    with logged() as lines:
        async with file.running(world) as controller:
            accept = (await controller.reload.propose()).hash
            Method(read).replace(slow)
            await asyncio.sleep(9)  # the zone is read every ten seconds: a cycle is under way soon
            async with asyncio.TaskGroup() as group:
                group.create_task(controller.reload.reload("ann", accept))
                for _ in range(200):
                    await asyncio.sleep(0.05)
                    latest = controller.reconciliation.latest
                    assert latest is not None
                    shop = latest.snapshot.settings.services["shop"]
                    assert set(latest.decision.regions["shop"]) == set(shop.regions)
        assert controller.api_dependencies().settings is file.settings

    assert "cycle_failed" not in events(lines)


def proposal(settings_hash: str = "0123", **shares: float) -> ReloadProposal:
    """A reload by which these regions of one pool would have these shares."""
    found = tuple(
        ShareMove("shop", "world", region, 0.5, after) for region, after in shares.items()
    )
    return ReloadProposal(settings_hash, (), found, ())


@pytest.mark.parametrize(
    "other",
    [
        proposal(west=0.1, east=0.8),
        proposal(west=0.2, east=0.8),
        proposal(west=0.1, east=0.9, centre=0.0),
        proposal(west=0.1, south=0.9),
        proposal("4567", west=0.1, east=0.9),
        replace(
            proposal(),
            moves=(ShareMove("shop", "europe", "west", 0.5, 0.1), *proposal(east=0.9).moves),
        ),
    ],
)
def test_the_hash_to_accept_is_of_exactly_these_shares(other: ReloadProposal) -> None:
    """An operator who accepted 10 % has not accepted 20 %; less than a point is no other plan."""
    accepted = proposal(west=0.1, east=0.9)

    assert accepted.hash == proposal(west=0.1004, east=0.8996).hash
    assert accepted.hash != other.hash


async def test_a_plan_accepted_when_shares_were_others_is_refused() -> None:
    """The same file; but meanwhile a person has drained a region."""
    world, file = World(), File()
    file.settings = with_regions(MORE_IN_CENTRAL)
    async with file.running(world) as controller:
        accepted = (await controller.reload.propose()).hash
        await controller.overrides.add(drain("us-east-1", ttl_s=600))
        await asyncio.sleep(10)
        with pytest.raises(ReloadRefusedError, match="is of another plan"):
            await controller.reload.reload("ann", accept=accepted)
        assert controller.api_dependencies().settings is SETTINGS


async def test_a_pool_whose_records_a_reload_would_make_wrong_is_named_before() -> None:
    """A region leaves the settings, its leaves stay at AWS: from then on only urgent drains happen.

    What is wrong already is not said to come of another reload.
    """
    world, file = World(), File()
    async with file.running(world) as controller:
        file.settings = without("us-east-1")
        proposal = await controller.reload.propose()
        await controller.reload.reload("ann", accept=proposal.hash)
        await asyncio.sleep(5)
        again = await controller.reload.propose()

    said = [line for line in proposal.text.splitlines() if "urgent drains only" in line]
    assert len(said) == 1
    assert said[0].startswith(
        "shop/world would have urgent drains only: weighted record world.shop.example."
    )
    assert "us-east-1 should not exist" in said[0]
    assert (again.faults, again.text.count("urgent")) == ({}, 0)


async def test_an_order_that_a_reload_makes_void_is_named_before_and_after() -> None:
    """By the preview, the log, once; and it is obeyed again when its region is back."""
    world, file = World(), File()
    file.settings = without("eu-central-1")
    async with file.running(world) as controller:
        order = replace(drain("eu-central-1", ttl_s=6000), service="shop", pool="world")
        number = (await controller.overrides.add(order)).id
        await asyncio.sleep(5)
        with logged() as lines:
            proposal = await controller.reload.propose()
            await controller.reload.reload("ann", accept=proposal.hash)
            await asyncio.sleep(60)
            assert (await controller.reload.propose()).void == {}, "it is void already"
            file.settings = SETTINGS
            await controller.reload.reload("ann", accept=(await controller.reload.propose()).hash)
            await asyncio.sleep(60)
        assert number in [o.id for o in controller.overrides.active()]

    why = "no region eu-central-1 of pool world of service shop is configured"
    assert proposal.void == {number: why}
    assert f"override {number} would be void: {why}" in proposal.text
    assert [
        (line["event"], line["override_id"], line.get("why"))
        for line in lines
        if line["event"] in ("override_void", "override_revived")
    ] == [("override_void", number, why), ("override_revived", number, None)]
    assert world.weights("world")["eu-central-1"] == 0
