"""An endpoint whose name has several addresses: how they are asked, and what follows."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from controller.model.configuration import EndpointId
from controller.model.health import ProbeOutcome, Verdict
from controller.planning.account.evidence import RecordedEvidence
from controller.planning.account.replay import replay
from tests.loops.probed import FAST, KNOWN_GOOD, QUICK, Bench, probe
from tests.loops.simulated import World
from tests.loops.small import WEST
from tests.loops.watching import WELL_S

pytestmark = pytest.mark.looptime
A, B, C = "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"
WEB = EndpointId("shop", WEST, "a")
DEFAULT_GAPS = {**FAST, "confirm_gaps_s": [0.05, 0.2, 0.5]}


def several(*addresses: str, **options: object) -> Bench:
    """One endpoint whose name has these addresses."""
    bench = Bench(options, probing=DEFAULT_GAPS)
    bench.prober.resolve(probe("a"), *addresses)
    return bench


def fail(bench: Bench, *addresses: str) -> None:
    for address in addresses:
        bench.prober.answer(address, ProbeOutcome.FAILED, "refused")


def heal(bench: Bench, *addresses: str) -> None:
    for address in addresses:
        bench.prober.answer(address, ProbeOutcome.PASSED, "200")


async def test_all_are_asked_at_first_and_then_one_in_each_interval() -> None:
    """In rotation: the load on the endpoint is that of one address."""
    bench = several(A, B, C)
    async with bench.running():
        await asyncio.sleep(3.5)
        assert bench.state("a").verdict is Verdict.UP
        begins = len(bench.prober.asked)
        await asyncio.sleep(9)
    asked = [address for _, address in bench.prober.asked[begins:]]

    assert len(asked) == 9
    assert {asked.count(address) for address in (A, B, C)} == {3}
    assert all(one != other for one, other in pairwise(asked))


async def test_a_dying_region_is_down_as_fast_as_with_one_address() -> None:
    """Its first failure makes all addresses be asked at once."""
    one, three = Bench(probing=DEFAULT_GAPS), several(A, B, C)
    times = []
    for bench, addresses in ((one, (probe("a"),)), (three, (A, B, C))):
        async with bench.running():
            await asyncio.sleep(5.5)
            fail(bench, *addresses)
            begins = bench.clock.monotonic()
            for _ in range(500):
                await asyncio.sleep(0.01)
                if bench.state("a").verdict is Verdict.DOWN:
                    break
            times.append(round(bench.clock.monotonic() - begins, 2))

    assert times[0] == times[1]
    assert three.state("a").first_failure_at is not None


@pytest.mark.parametrize(
    ("rule", "dead", "verdict"),
    [
        ("most", (A,), Verdict.UP),
        ("most", (A, B), Verdict.UP),
        ("most", (A, B, C), Verdict.DOWN),
        ("any", (B,), Verdict.DOWN),
        ("all", (A, B), Verdict.UP),
        ("all", (A, B, C), Verdict.DOWN),
    ],
)
async def test_the_rule_says_how_many_make_the_endpoint_down(
    rule: str, dead: tuple[str, ...], verdict: Verdict
) -> None:
    """The setting `addresses` of the endpoint; fewer are counted and named."""
    bench = several(A, B, C, addresses=rule)
    async with bench.running():
        await asyncio.sleep(5.5)
        fail(bench, *dead)
        await asyncio.sleep(5)
        state = bench.state("a")

    assert state.verdict is verdict
    assert state.addresses is not None
    assert (state.addresses.down, state.addresses.fresh) == (len(dead), 3)


async def test_the_first_address_may_hang_while_the_others_answer() -> None:
    """It alone is down, wherever it stands in the resolver's answer; it is asked each second."""
    bench = several(A, B, C)
    bench.prober.hang(A)
    async with bench.running():
        await asyncio.sleep(12)
        states = bench.probing.addresses(WEB)
        asked = bench.asked(A)

        assert bench.state("a").verdict is Verdict.UP
        assert {a: s.verdict.value for a, s in states.items()} == {A: "down", B: "up", C: "up"}
    assert len([at for at in asked if at > 6]) >= 5


async def test_an_address_that_recovers_ends_the_degradation() -> None:
    """Through its own hysteresis; the endpoint was up all the time."""
    bench = several(A, B, C)
    async with bench.running():
        await asyncio.sleep(5.5)
        fail(bench, B)
        await asyncio.sleep(3)
        degraded = bench.state("a")
        heal(bench, B)
        await asyncio.sleep(4)
        well = bench.state("a")

    assert degraded.addresses is not None
    assert well.addresses is not None
    assert (degraded.addresses.down, well.addresses.down) == (1, 0)
    assert degraded.verdict is well.verdict is Verdict.UP
    assert not degraded.suspect


async def test_an_address_that_leaves_the_name_is_asked_no_more() -> None:
    """A new one is asked at once, and begins with what is believed of the endpoint."""
    bench = several(A, B)
    async with bench.running():
        await asyncio.sleep(5.5)
        bench.prober.resolve(probe("a"), B, C)
        await asyncio.sleep(5)
        assert set(bench.probing.addresses(WEB)) == {B, C}
        assert bench.state("a").verdict is Verdict.UP
        assert bench.asked(C)[0] == 6
    assert max(bench.asked(A)) <= 6


async def test_a_name_that_has_one_address_again_keeps_what_is_believed() -> None:
    """The endpoint's own monitor goes on."""
    bench = several(A, B)
    async with bench.running():
        await asyncio.sleep(5.5)
        fail(bench, A, B)
        await asyncio.sleep(2)
        assert bench.state("a").verdict is Verdict.DOWN
        bench.prober.resolve(probe("a"), C)
        await asyncio.sleep(1.1)
        state = bench.state("a")
        assert (state.verdict, state.addresses, state.address) == (Verdict.DOWN, None, C)
        await asyncio.sleep(3)
        assert bench.state("a").verdict is Verdict.UP


async def test_a_name_that_does_not_resolve_fails_at_all_addresses() -> None:
    """They may answer: users do not find them."""
    bench = several(A, B)
    async with bench.running():
        await asyncio.sleep(5.5)
        bench.prober.resolve(probe("a"))
        bench.prober.answer(probe("a"), ProbeOutcome.FAILED, "name does not resolve")
        await asyncio.sleep(3)
        state = bench.state("a")
        assert (state.verdict, state.last_failure) == (Verdict.DOWN, "name does not resolve")
        bench.prober.resolve(probe("a"), A, B)
        await asyncio.sleep(4)
        assert bench.state("a").verdict is Verdict.UP


async def test_no_more_than_eight_are_asked() -> None:
    """Of a name with a hundred; how many there are is known."""
    bench = several(*[f"192.0.2.{n}:1" for n in range(1, 101)])
    async with bench.running():
        await asyncio.sleep(5.5)
        counts = bench.state("a").addresses

    assert counts is not None
    assert (counts.known, counts.probed, counts.fresh) == (100, 8, 8)
    assert len({address for _, address in bench.prober.asked}) == 8


async def test_every_address_stays_fresh_however_many_there_are() -> None:
    """With eight and a long interval a rotation takes longer than results are fresh."""
    bench = Bench({}, probing={**FAST, "interval_s": 4, "fresh_for_s": 10})
    bench.prober.resolve(probe("a"), *[f"192.0.2.{n}:1" for n in range(1, 9)])
    async with bench.running():
        await asyncio.sleep(13)
        for _ in range(40):
            await asyncio.sleep(0.5)
            counts = bench.state("a").addresses
            assert counts is not None
            assert counts.fresh == 8


async def test_all_addresses_are_asked_when_another_endpoint_fails() -> None:
    """As corroborators: regions that die together must not be taken one by one."""
    bench = Bench({}, {}, probing=DEFAULT_GAPS)
    bench.prober.resolve(probe("a"), A, B, C)
    async with bench.running():
        await asyncio.sleep(5.6)
        begins = len(bench.prober.asked)
        bench.fail("b")
        await asyncio.sleep(0.95)
    asked = {address for _, address in bench.prober.asked[begins:]}

    assert asked >= {A, B, C}


async def test_a_reference_target_is_asked_as_a_whole() -> None:
    """Whether any of its addresses answers is what it is for."""
    bench = Bench(known_good=KNOWN_GOOD[:1], probing=DEFAULT_GAPS)
    bench.prober.resolve(KNOWN_GOOD[0], A, B)
    async with bench.running():
        await asyncio.sleep(2.5)

    assert A not in {address for _, address in bench.prober.asked}
    assert bench.probing.known_good[KNOWN_GOOD[0]].successes == 3


async def test_an_isolated_prober_forgets_every_address() -> None:
    """And learns them anew."""
    bench = several(A, B)
    async with bench.running():
        await asyncio.sleep(5.5)
        bench.probing.reset()
        assert bench.state("a").verdict is Verdict.UNKNOWN
        await asyncio.sleep(6)
        assert bench.state("a").verdict is Verdict.UP


async def test_a_reload_keeps_the_addresses_and_asks_them_anew() -> None:
    """What is asked changes, not what is believed."""
    bench = several(A, B)
    async with bench.running():
        await asyncio.sleep(5.5)
        fail(bench, A)
        await asyncio.sleep(2)
        data = bench.active_settings.settings.model_dump(mode="json")
        data["services"]["shop"]["regions"][WEST]["endpoints"]["a"]["deadline_s"] = 0.5
        bench.active_settings.swap(type(bench.active_settings.settings).model_validate(data))
        bench.probing.apply_settings()
        states = bench.probing.addresses(WEB)
        assert {a: s.verdict.value for a, s in states.items()} == {A: "down", B: "up"}
        await asyncio.sleep(2)
        assert (bench.probing.addresses(WEB)[B].last_result_at or 0.0) >= 8


async def test_probing_settings_say_the_rule_for_endpoints_that_say_nothing() -> None:
    """`probing.addresses`."""
    bench = Bench({}, probing={**DEFAULT_GAPS, "addresses": "any"}, health=QUICK)
    bench.prober.resolve(probe("a"), A, B)
    async with bench.running():
        await asyncio.sleep(5.5)
        fail(bench, A)
        await asyncio.sleep(2)

        assert bench.state("a").verdict is Verdict.DOWN


async def test_a_region_of_which_two_of_three_addresses_fail_is_gray_and_replayed() -> None:
    """Its capacity counts for a quarter; the record says which, and is decided again the same."""
    world = World()
    (web, *_) = world.probes(WEST)
    world.prober.resolve(web, A, B, C)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        fail_at(world, A, B)
        await asyncio.sleep(5)
        latest = controller.reconciliation.latest
        assert latest is not None
        health = latest.decision.regions["shop"][WEST]
    newest = await world.newest()
    evidence = await world.store.evidence(newest.id)
    assert evidence is not None
    again = replay(RecordedEvidence(newest.id, "1", evidence), "1")

    assert (health.verdict, health.degraded, health.usable) == (Verdict.UP, 3, 0.25)
    said = f"2 of 3 addresses fail: {A} (refused), {B} (refused)"
    assert said in health.why
    assert any(said in trigger for trigger in newest.trigger)
    assert (again.differences, again.unread, again.faithful) == ((), (), True)


def fail_at(world: World, *addresses: str) -> None:
    for address in addresses:
        world.prober.answer(address, ProbeOutcome.FAILED, "refused")


async def test_a_family_that_is_lost_on_the_way_degrades_no_region() -> None:
    """IPv6 has a route and no answer, as in a black hole; one that answers over it proves it."""
    four, six, other = "192.0.2.1:1", "[2001:db8::1]:1", "[2001:db8::2]:1"
    bench = Bench({}, {}, probing=DEFAULT_GAPS)
    bench.prober.resolve(probe("a"), six, four)
    bench.prober.resolve(probe("b"), other)
    async with bench.running():
        await asyncio.sleep(5.5)
        bench.prober.hang(six)
        bench.prober.hang(probe("b"))
        await asyncio.sleep(8)
        lost = bench.state("a")
        bench.prober.answer(probe("b"), ProbeOutcome.PASSED, "200")
        await asyncio.sleep(5)
        proven = bench.state("a")

    assert lost.addresses is not None
    assert proven.addresses is not None
    assert (lost.verdict, lost.addresses.down, lost.addresses.silent_families) == (
        Verdict.UP,
        0,
        ("IPv6",),
    )
    assert (proven.addresses.down, proven.addresses.fresh) == (1, 2)
    assert proven.addresses.silent_families == ()
