"""When probes are due, and when an opinion changes."""

from random import Random

from controller.sandbox.emulator.probe_rounds import Opinion, ProbeRounds


def test_an_opinion_changes_only_after_enough_contrary_results_in_a_row() -> None:
    """An agreeing result between them starts the count again."""
    opinion = Opinion(healthy=True)
    story = [(False, True), (False, True), (True, True), (False, True), (False, True)]
    for passed, healthy in [*story, (False, False), (True, False), (True, False), (True, True)]:
        opinion = opinion.advance(passed, threshold=3)
        assert opinion.healthy is healthy


def test_probes_come_at_their_interval_and_start_staggered() -> None:
    """In 60 seconds each key of interval 10 is probed six times, not all at one moment (seed 1)."""
    rounds: ProbeRounds[str] = ProbeRounds(Random(1))
    keys = {"a": 10.0, "b": 10.0, "c": 30.0}
    times: dict[str, list[int]] = {key: [] for key in keys}
    for now in range(60):
        for key in rounds.due(keys, float(now)):
            times[key].append(now)
            rounds.finished(key)
    assert [len(times[key]) for key in keys] == [6, 6, 2]
    assert times["a"][0] != times["b"][0]


def test_a_probe_under_way_is_not_started_again() -> None:
    """A slow probe delays its next one instead of piling up."""
    rounds: ProbeRounds[str] = ProbeRounds(Random(1))
    keys = {"a": 10.0}
    rounds.due(keys, 0.0)
    assert rounds.due(keys, 10.0) == ["a"]
    assert rounds.due(keys, 25.0) == []
    rounds.finished("a")
    assert rounds.due(keys, 26.0) == ["a"]


def test_a_key_that_is_wanted_again_starts_afresh() -> None:
    """What is not wanted is forgotten."""
    rounds: ProbeRounds[str] = ProbeRounds(Random(1))
    rounds.due({"a": 10.0}, 0.0)
    rounds.due({}, 5.0)
    assert rounds.due({"a": 10.0}, 100.0) == []
    assert rounds.due({"a": 10.0}, 110.0) == ["a"]
