"""Votes, corroboration and isolation as tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.model.configuration import EndpointId
from controller.model.decision import Snapshot
from controller.model.health import HealthState, RegionHealth, Verdict
from controller.planning.health.isolation import isolation
from controller.planning.health.quorum import health_by_service
from tests.planning.remembering import remembers
from tests.storyboards.player import StoryboardPlayer

NOW = 1_000.0
UP = HealthState(Verdict.UP, since=0.0, last_result_at=NOW, latency_s=0.02)
SUSPECT = UP._replace(failures=1, first_failure_at=NOW - 5)
DOWN = HealthState(
    Verdict.DOWN,
    since=NOW - 4.6,
    failures=3,
    first_failure_at=NOW - 5,
    last_result_at=NOW,
    last_failure="refused",
)
STATES = {"U": UP, "S": SUSPECT, "D": DOWN, "?": HealthState(), "-": None}


def player(*commands: str) -> StoryboardPlayer:
    found = StoryboardPlayer()
    found.now = NOW
    for command in commands:
        found.play(command)
    found._settle()
    return found


def targets(letters: str) -> Snapshot:
    """Regions of one endpoint each, in these states, seen from one vantage point."""
    regions = [f"eu-west-{number + 1}" for number in range(len(letters))]
    base = player(f"pool world {' '.join(regions)}")
    for region, letter in zip(regions, letters, strict=True):
        base.health["here"][endpoint(region)] = STATES[letter] or HealthState()
    return base.snapshot()


def endpoint(region: str = "eu-west-1", name: str = "web") -> EndpointId:
    return EndpointId("shop", region, name)


def known_good(letters: str) -> dict[str, HealthState]:
    return {f"c{index}": STATES[letter] or HealthState() for index, letter in enumerate(letters)}


def judged(snapshot: Snapshot, isolated: str | None = None) -> RegionHealth:
    return health_by_service(snapshot, isolated=isolated)["shop"]["eu-west-1"]


@pytest.mark.parametrize(
    ("letters", "isolated"),
    [
        ("UUU", False),
        ("SUU", False),
        ("SSU", True),
        ("DDU", True),
        ("DDD", True),
        ("SU", False),
        ("SS", True),
        ("S", True),
        ("U", False),
        ("???", False),
    ],
)
def test_most_reference_targets_failing_means_that_the_prober_is_blind(
    letters: str, isolated: bool
) -> None:
    """More than half; exactly half is not most."""
    snapshot = replace(targets("UUU"), known_good=known_good(letters))

    assert (isolation(snapshot) is not None) is isolated


def test_while_the_reference_targets_answer_failing_targets_are_not_blindness() -> None:
    """Reference targets outrank the count of endpoints; the panic rule applies then."""
    assert isolation(replace(targets("DDD"), known_good=known_good("UUU"))) is None


@pytest.mark.parametrize(
    ("state", "isolated"),
    [
        (UP, True),
        (UP._replace(failures=2, first_failure_at=NOW - 5), True),
        (HealthState(successes=2, last_result_at=NOW), True),
        (DOWN._replace(successes=2), True),
        (DOWN._replace(successes=1), False),
        (DOWN, False),
        (HealthState(), False),
        (UP._replace(last_result_at=NOW - 10.0), True),
        (UP._replace(last_result_at=NOW - 10.1), False),
    ],
    ids=["up", "not down yet", "answers", "comes up", "once", "down", "unknown", "fresh", "stale"],
)
def test_a_known_bad_target_that_answers_means_that_the_prober_is_blind(
    state: HealthState, isolated: bool
) -> None:
    """Whatever known-good ones and endpoints say; `forgive_after` answers in a row are enough."""
    for good in ("UUU", ""):
        snapshot = replace(
            targets("UU"),
            known_good=known_good(good),
            known_bad={"tcp://b": state, "tcp://a": DOWN},
        )
        told = "the known-bad reference target tcp://b answers: the prober cannot be trusted"

        assert isolation(snapshot) == (told if isolated else None)


def test_known_bad_targets_that_answer_are_all_named() -> None:
    """In one order, whatever order they came in."""
    told = isolation(replace(targets("UU"), known_bad={"tcp://b": UP, "tcp://a": UP}))

    assert (
        told
        == "the known-bad reference targets tcp://a, tcp://b answer: the prober cannot be trusted"
    )


def test_a_down_vote_does_not_wait_for_known_bad_targets() -> None:
    """They do not corroborate, and their failure is no isolation, even where all else fails."""
    bad = {"tcp://a": HealthState(), "tcp://b": DOWN, "tcp://c": UP._replace(last_result_at=0.0)}
    for good in ("UUU", ""):
        snapshot = replace(targets("DU"), known_good=known_good(good), known_bad=bad)

        assert isolation(snapshot) is None
        assert judged(snapshot).verdict is Verdict.DOWN


@pytest.mark.parametrize(
    ("letters", "isolated"),
    [("D", False), ("DU", False), ("DS", True), ("DDUU", False), ("DDSU", True), ("UUU", False)],
)
def test_without_reference_targets_most_targets_failing_at_once_is_blindness(
    letters: str, isolated: bool
) -> None:
    """Of one target nothing can be told."""
    assert (isolation(targets(letters)) is not None) is isolated


@pytest.mark.parametrize(("age_s", "isolated"), [(29.9, True), (30.0, True), (30.1, False)])
def test_at_once_means_within_the_panic_window(age_s: float, isolated: bool) -> None:
    """Both sides of its edge."""
    snapshot = targets("DDU")
    early = DOWN._replace(first_failure_at=NOW - age_s)
    own = {**snapshot.health["here"], endpoint(): early}

    assert (isolation(replace(snapshot, health={"here": own})) is not None) is isolated


@pytest.mark.parametrize(
    ("votes", "verdict"),
    [
        ("U", Verdict.UP),
        ("D", Verdict.DOWN),
        ("S", Verdict.UP),
        ("?", Verdict.UNKNOWN),
        ("-", Verdict.UNKNOWN),
        ("UUU", Verdict.UP),
        ("UU?", Verdict.UP),
        ("UUD", Verdict.UP),
        ("UD?", Verdict.UNKNOWN),
        ("U--", Verdict.UNKNOWN),
        ("DDU", Verdict.DOWN),
        ("DD-", Verdict.DOWN),
        ("D--", Verdict.UNKNOWN),
        ("UUDD", Verdict.UNKNOWN),
        ("UUUD", Verdict.UP),
    ],
)
def test_the_majority_of_the_configured_points_decides(votes: str, verdict: Verdict) -> None:
    """Who is silent is counted among the points and votes for nothing."""
    points = ("here", "there", "yonder", "far")[: len(votes)]
    base = player(f"vantage {' '.join(points)}", "pool world eu-west-1 us-east-1")
    for point, letter in zip(points, votes, strict=True):
        state = STATES[letter]
        if state is None:
            del base.health[point][endpoint()]
        else:
            base.health[point][endpoint()] = state
    snapshot = replace(base.snapshot(), known_good=known_good("UUU"))

    assert judged(snapshot).verdict is verdict


@pytest.mark.parametrize(("age_s", "verdict"), [(10.0, Verdict.UP), (10.1, Verdict.UNKNOWN)])
def test_an_opinion_counts_while_it_is_fresh(age_s: float, verdict: Verdict) -> None:
    """Both sides of `fresh_for_s`; by age nothing ever becomes down."""
    snapshot = targets("UU")
    old = {**snapshot.health["here"], endpoint(): UP._replace(last_result_at=NOW - age_s)}

    assert judged(replace(snapshot, health={"here": old})).verdict is verdict


@pytest.mark.parametrize(
    ("required", "optional", "verdict"),
    [
        ("UU", "U", Verdict.UP),
        ("UU", "D", Verdict.UP),
        ("UU", "?", Verdict.UP),
        ("U?", "U", Verdict.UNKNOWN),
        ("UD", "U", Verdict.DOWN),
        ("?D", "U", Verdict.DOWN),
    ],
)
def test_a_region_is_as_well_as_its_worst_required_endpoint(
    required: str, optional: str, verdict: Verdict
) -> None:
    """Down beats unknown beats up; what is not required has no say."""
    base = player("pool world eu-west-1 us-east-1")
    names = [*(f"r{index}" for index in range(len(required))), "extra"]
    base.regions["eu-west-1"]["endpoints"] = {
        name: {"probe": f"tcp://{name}.test:1", "required": name != "extra"} for name in names
    }
    for name, letter in zip(names, required + optional, strict=True):
        base.health["here"][endpoint(name=name)] = STATES[letter] or HealthState()
    del base.health["here"][endpoint()]
    snapshot = replace(base.snapshot(), known_good=known_good("UUU"))

    assert judged(snapshot).verdict is verdict


@pytest.mark.parametrize(
    ("answered", "verdict"),
    [
        ((0.0, 0.0, 0.0), Verdict.DOWN),
        ((0.0, 0.0, None), Verdict.DOWN),
        ((0.1, 0.1, -0.1), Verdict.DOWN),
        ((0.0, -0.1, -0.1), Verdict.UNKNOWN),
        ((0.0, None, None), Verdict.UNKNOWN),
        ((-0.1, -0.1, -0.1), Verdict.UNKNOWN),
        ((0.0, -0.1), Verdict.UNKNOWN),
        ((0.0,), Verdict.DOWN),
    ],
)
def test_a_down_vote_waits_until_most_reference_targets_have_answered(
    answered: tuple[float | None, ...], verdict: Verdict
) -> None:
    """After the first failure, in seconds; at the same moment is early enough."""
    since = NOW - 5
    seen = {
        f"c{index}": UP._replace(last_result_at=None if late is None else since + late)
        for index, late in enumerate(answered)
    }

    assert judged(replace(targets("DU"), known_good=seen)).verdict is verdict


@pytest.mark.parametrize(
    ("sibling", "verdict"),
    [
        (UP, Verdict.DOWN),
        (UP._replace(last_result_at=NOW - 5), Verdict.DOWN),
        (UP._replace(last_result_at=NOW - 5.1), Verdict.UNKNOWN),
        (SUSPECT._replace(last_result_at=NOW - 5.1), Verdict.DOWN),
        (UP._replace(last_result_at=NOW - 10.1), Verdict.DOWN),
        (HealthState(), Verdict.DOWN),
    ],
    ids=["answered", "at the same moment", "before", "suspect anyway", "stale", "never asked"],
)
@pytest.mark.parametrize("letters", ["UUU", ""], ids=["reference targets", "none"])
def test_a_down_vote_waits_for_the_other_regions_word(
    sibling: HealthState, verdict: Verdict, letters: str
) -> None:
    """One that cannot be asked is not waited for; reference targets do not speak for it."""
    snapshot = targets("DUU")
    own = {**snapshot.health["here"], endpoint("eu-west-2"): sibling}

    assert (
        judged(replace(snapshot, health={"here": own}, known_good=known_good(letters))).verdict
        is verdict
    )


def test_an_isolated_vantage_point_casts_no_vote_with_the_reason() -> None:
    """Neither up nor down, and not because nothing was seen."""
    seen = judged(targets("DU"), isolated="2 of 3 known-good reference targets fail too")

    assert seen.verdict is Verdict.UNKNOWN
    assert seen.why == "web: 2 of 3 known-good reference targets fail too"
    assert seen.suspect_since is None


@pytest.mark.parametrize(
    ("snapshot", "why"),
    [
        (targets("UU"), "web: answers in 20 ms (1 of 1 vantage point)"),
        (
            replace(targets("DU"), known_good=known_good("UUU")),
            "web: 3 probes failed within 0.4 s, last: refused (1 of 1 vantage point)",
        ),
        (targets("?U"), "web: no fresh result in 10 s"),
        (
            replace(targets("DU"), known_good=known_good("???")),
            "web: 0 up and 1 down of 1, waiting for the known-good reference targets and the other "
            "regions",
        ),
        (
            replace(
                targets("UU"),
                health={"here": {endpoint(): HealthState(last_result_at=NOW, successes=1)}},
            ),
            "web: too few results for a verdict yet",
        ),
    ],
    ids=["up", "down", "unknown", "waiting", "young"],
)
def test_a_verdict_gives_its_reason_with_numbers(snapshot: Snapshot, why: str) -> None:
    """In one line, as `gtc why` shows it."""
    assert judged(snapshot).why == why


def test_a_blind_prober_adds_no_empty_evidence_of_degradation() -> None:
    """It stays as degraded as it was, without new results."""
    snapshot = replace(targets("UU"), memory=remembers(degraded={"eu-west-1": 1}))
    seen = judged(snapshot, isolated="blind")

    assert (seen.degraded, seen.why) == (1, "web: blind")


@pytest.mark.parametrize(
    ("letters", "verdict"), [("DDU", "down"), ("DUU", "up"), ("DU?", "unknown"), ("S?U", "up")]
)
def test_two_of_three_equal_votes_make_a_verdict(letters: str, verdict: str) -> None:
    """As in the table of the module's docstring."""
    three = player("pool world eu-west-1", "vantage here there elsewhere", "known-good UUU")
    three.play(f"see eu-west-1={letters}")

    assert judged(three.snapshot()).verdict.value == verdict
