"""The observations and opinions of Route 53's health checkers, for each check.

Follows the developer guide's *How Amazon Route 53 determines whether a health check is healthy*:
every checker has its opinion; the endpoint is healthy when more than 18 % of them say so; before
the first data it counts as healthy (so an inverted check starts unhealthy). Three checkers stand
for AWS's eight checker Regions; their addresses are documentation addresses.
"""

from dataclasses import dataclass

from controller.sandbox.emulator.checkers.probe_rounds import Opinion

CHECKERS = {  # region: address
    "us-east-1": "203.0.113.241",
    "eu-west-1": "203.0.113.242",
    "ap-northeast-1": "203.0.113.243",
}
HEALTHY_FRACTION = 0.18
_BEFORE_DATA = Opinion(healthy=True)


@dataclass(frozen=True, slots=True)
class Observation:
    """One checker's result: the API's status text, and the time in seconds since 1970."""

    region: str
    passed: bool
    status: str
    checked_at: float


class CheckerReports:
    """Opinions and last observations, by check id and checker Region."""

    def __init__(self) -> None:
        self._opinions: dict[tuple[str, str], Opinion] = {}
        self._last: dict[tuple[str, str], Observation] = {}
        self._last_failed: dict[tuple[str, str], Observation] = {}

    def record(self, check_id: str, observation: Observation, failure_threshold: int) -> None:
        """Count one result."""
        key = (check_id, observation.region)
        opinion = self._opinions.get(key, _BEFORE_DATA)
        self._opinions[key] = opinion.advance(observation.passed, failure_threshold)
        self._last[key] = observation
        if not observation.passed:
            self._last_failed[key] = observation

    def forget(self, check_id: str) -> None:
        """Delete all data of a deleted check."""
        for reports in (self._opinions, self._last, self._last_failed):
            for region in CHECKERS:
                reports.pop((check_id, region), None)

    def endpoint_healthy(self, check_id: str) -> bool:
        """Whether the checkers together call the endpoint healthy, before inversion."""
        opinions = [self._opinions.get((check_id, region), _BEFORE_DATA) for region in CHECKERS]
        return sum(opinion.healthy for opinion in opinions) > HEALTHY_FRACTION * len(opinions)

    def observations(self, check_id: str) -> list[Observation]:
        """The last result of each checker that has one."""
        return [self._last[check_id, r] for r in CHECKERS if (check_id, r) in self._last]

    def failures(self, check_id: str) -> list[Observation]:
        """The last failed result of each checker that has one."""
        kept = self._last_failed
        return [kept[check_id, r] for r in CHECKERS if (check_id, r) in kept]
