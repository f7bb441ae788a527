"""How long a silent death takes to be known, and how often loss is taken for one: simulated.

Time is from the death to the verdict of the quorum; DNS writes, propagation and TTL come on top for
everyone. Route 53's and haproxy's figures are reckoned from their documentation: Route 53 "How
Amazon Route 53 determines whether a health check is healthy" (fast interval 10 s, three failures,
more than 18 % of some 16 checkers must call an endpoint healthy, connecting may take 4 s), and
haproxy's configuration manual (`inter` 2 s, `fall` 3; a check may take as long as `inter`).
"""

from __future__ import annotations

from random import Random

from controller.loops.probing.probe_timing import ProbeTiming
from controller.model.configuration import HealthSettings, Settings
from controller.model.decision import Snapshot
from controller.model.health import HealthState, Verdict
from controller.planning.health.quorum import health_by_service
from tests.bench.prober.simulation import WEB, Path, VantagePoint, World

BUDGET_PER_S = 1.6
"""Probes per second and endpoint: those of Route 53's 16 checkers at their fast interval."""
POINTS = ("a", "b", "c")
RTT_S = 0.08
SEED = 7


def settings() -> Settings:
    """Three vantage points with the patience advised for three; all else as it is by default."""
    shop = {
        "regions": {
            "eu-west-1": {
                "capacity_rps": 1.0,
                "endpoints": {"web": {"probe": "http://192.0.2.1/"}},
            }
        },
        "pools": {
            "world": {"geographies": ["default"], "regions": ["eu-west-1"], "demand_rps": 1.0}
        },
        "levers": {"route53": {"hosted_zone_id": "Z1", "name": "shop.test."}},
    }
    return Settings.model_validate(
        {
            "schema_version": 2,
            "state_path": "unused",
            "vantage": {"name": POINTS[0], "points": list(POINTS)},
            "probing": {"deadline_least_s": 0.2},
            "regions": {"eu-west-1": {"jurisdiction": "EU"}},
            "services": {"shop": shop},
        }
    )


CHOSEN = settings()
INTERVAL_S = len(POINTS) / BUDGET_PER_S


def detections(times: int) -> list[float]:
    """Seconds from a silent death to the quorum's verdict."""
    random = Random(SEED)
    return [_detection(random) for _ in range(times)]


def false_alarms(points: int, days: float, lost_ratio: float, burst_s: float) -> float:
    """Verdicts of death per endpoint and day about an endpoint that is well, with this loss."""
    random = Random(SEED)
    world = World()
    replicas = _replicas(world, random, points, lost_ratio, burst_s)
    quorum = points // 2 + 1
    alarms, was_down = 0, False
    for second in range(round(days * 86_400)):
        world.run(float(second))
        down = sum(one.state.verdict is Verdict.DOWN for one in replicas) >= quorum
        alarms += down and not was_down
        was_down = down
    return alarms / days


def route53_fast(times: int) -> list[float]:
    """The same for Route 53's fast checks: uncoordinated, each down after three turns."""
    random, checkers, interval_s, failures, takes_s = Random(SEED), 16, 10.0, 3, 4.0
    needed = int(checkers * (1 - 0.18)) + 1
    found = []
    for _ in range(times):
        phases = (random.uniform(0, interval_s) for _ in range(checkers))
        found.append(sorted(p + (failures - 1) * interval_s + takes_s for p in phases)[needed - 1])
    return found


def haproxy_default(times: int) -> list[float]:
    """One haproxy with its defaults: the next check begins when the last one has timed out."""
    random = Random(SEED)
    return [random.uniform(0, 2.0) + 3 * 2.0 for _ in range(times)]


def haproxy_false_alarms(lost_ratio: float, burst_s: float, days: float) -> float:
    """Its three failures in a row, two seconds apart, each check repeated by TCP after a second."""
    random = Random(SEED)
    path = Path(random, RTT_S, lost_ratio, burst_s)
    alarms = failures = 0
    for turn in range(round(days * 43_200)):
        takes_s = path.answer_after_s(2.0 * turn)
        failures = 0 if takes_s is not None and takes_s <= 2.0 else failures + 1
        alarms += failures == 3
    return alarms / days


def _replicas(
    world: World, random: Random, points: int, lost_ratio: float, burst_s: float
) -> list[VantagePoint]:
    probing, limits = CHOSEN.probing, HealthSettings(up_for_s=0.0)
    interval_s = points / BUDGET_PER_S
    least_s, gaps_s = probing.deadline_least_s, probing.confirm_gaps_s
    timing = ProbeTiming(interval_s, least_s, probing.deadline_s, gaps_s)
    found: list[VantagePoint] = []
    for index in range(points):
        path = Path(random, RTT_S, lost_ratio, burst_s)
        phase_s = index * interval_s / points
        found.append(VantagePoint(world, path, timing, limits, phase_s, found))
    return found


def _detection(random: Random) -> float:
    world = World()
    replicas = _replicas(world, random, len(POINTS), 0.0, 0.0)
    died_at = 30.0 + random.uniform(0, INTERVAL_S)
    world.run(died_at)
    assert all(one.state.verdict is Verdict.UP for one in replicas)
    for one in replicas:
        one.target.die()
    seen: list[HealthState | None] = [None] * len(replicas)

    def is_down() -> bool:
        states = [one.state for one in replicas]
        if states == seen:
            return False
        seen[:] = states
        return _judged(world.now, states) is Verdict.DOWN

    world.run(died_at + 60.0, is_down)
    return world.now - died_at


def _judged(now: float, states: list[HealthState]) -> Verdict:
    """What the production quorum says."""
    snapshot = Snapshot(
        now=now,
        started_at=0.0,
        settings=CHOSEN,
        health={point: {WEB: state} for point, state in zip(POINTS, states, strict=True)},
        known_good={},
        observed={},
        expected={},
        overrides=(),
    )
    return health_by_service(snapshot, isolated=None)["shop"]["eu-west-1"].verdict
