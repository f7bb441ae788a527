"""When probes are due, and when an opinion changes."""

from random import Random

from controller.sandbox.emulator.checkers.probe_rounds import Opinion, ProbeRounds


def test_an_opinion_changes_only_after_enough_contrary_results_in_a_row() -> None:
    """An agreeing result between them starts the count again."""
    opinion = Opinion(healthy=True)
    story = [(False, True), (False, True), (True, True), (False, True), (False, True)]
    for passed, healthy in [*story, (False, False), (True, False), (True, False), (True, True)]:
        opinion = opinion.advance(passed, threshold=3)
        assert opinion.healthy is healthy


class Rounds:
    """Rounds of probes that a test may want, at a time it says."""

    def __init__(self, **intervals_s: float) -> None:
        self.now = 0.0
        self.wanted = intervals_s
        self.made: list[tuple[str, float]] = []
        self._rounds = ProbeRounds(lambda: self.wanted, self._probe, lambda: self.now, Random(1))
        self.run_probe = self._rounds.run_probe

    def due(self, now: float) -> list[str]:
        """What is due then."""
        self.now = now
        return self._rounds.due()

    async def _probe(self, key: str) -> None:
        self.made.append((key, self.now))


async def test_probes_come_at_their_interval_and_start_staggered() -> None:
    """In 60 seconds each key of interval 10 is probed six times, not all at one moment (seed 1)."""
    rounds = Rounds(a=10.0, b=10.0, c=30.0)
    for now in range(60):
        for key in rounds.due(now):
            await rounds.run_probe(key)
    times = {key: [at for made, at in rounds.made if made == key] for key in rounds.wanted}
    assert [len(times[key]) for key in times] == [6, 6, 2]
    assert times["a"][0] != times["b"][0]


async def test_a_probe_under_way_is_not_started_again() -> None:
    """A slow probe delays the next one."""
    rounds = Rounds(a=10.0)
    rounds.due(0)
    assert rounds.due(10) == ["a"]
    assert rounds.due(25) == []
    await rounds.run_probe("a")
    assert rounds.due(26) == ["a"]


def test_a_key_that_is_wanted_again_starts_afresh() -> None:
    """A key that is not wanted is dropped."""
    rounds = Rounds(a=10.0)
    rounds.due(0)
    rounds.wanted = {}
    rounds.due(5)
    rounds.wanted = {"a": 10.0}
    assert rounds.due(100) == []
    assert rounds.due(110) == ["a"]
