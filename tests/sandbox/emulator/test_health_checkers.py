"""The health checkers, in simulated time and with a scripted network."""

from random import Random

from controller.sandbox.emulator.checkers.health_checkers import HealthCheckers, target_of
from controller.sandbox.emulator.checkers.reports import CHECKERS, CheckerReports
from controller.sandbox.emulator.checkers.single_probe import ProbeResult, Target
from controller.sandbox.emulator.route53.health_checks import HealthCheckConfig, HealthCheckStore
from tests.sandbox.emulator.builders import Clock

CHECK = {"CallerReference": "id:c", "HealthCheckConfig": {}}


class World:
    """A store with checkers, a clock, and endpoints that are up or down."""

    def __init__(self, **config: object) -> None:
        self.clock = Clock()
        self.down: set[str] = set()
        self.asked: list[Target] = []
        self.names = {"a.test": "127.0.10.1"}
        reports = CheckerReports()
        self.store = HealthCheckStore(reports)
        settings = {"Type": "HTTP", "RequestInterval": 10, "FailureThreshold": 3, "Port": 8080}
        params = {"CallerReference": "id:c", "HealthCheckConfig": settings | config}
        self.store.create_health_check(params)
        rng = Random(1)
        self.checkers = HealthCheckers(
            self.store, reports, self.names.get, self.clock, rng, self.probe
        )

    async def probe(self, target: Target) -> ProbeResult:
        """Answer from the script."""
        self.asked.append(target)
        return ProbeResult(target.address not in self.down, "scripted")

    async def run(self, seconds: int) -> None:
        """Let whole seconds pass, each with its due checks."""
        for _ in range(seconds):
            for job in self.checkers.rounds.due():
                await self.checkers.rounds.run_probe(job)
            self.clock.advance(1)

    def healthy(self) -> bool:
        """The check's status."""
        return self.store.is_healthy("c")


async def test_a_dead_endpoint_turns_unhealthy_between_20_and_40_seconds_later() -> None:
    """Interval 10 s, threshold 3: the last of three checkers needs its third failure."""
    world = World(IPAddress="127.0.10.1")
    await world.run(20)
    assert world.healthy()
    world.down.add("127.0.10.1")
    await world.run(20)
    assert world.healthy()
    await world.run(20)
    assert not world.healthy()
    world.down.clear()
    await world.run(40)
    assert world.healthy()


async def test_three_checkers_probe_once_in_every_interval() -> None:
    """In 30 seconds an endpoint is probed nine times."""
    world = World(IPAddress="127.0.10.1")
    await world.run(30)
    assert len(world.asked) == 3 * len(CHECKERS)


async def test_a_check_by_name_follows_the_name() -> None:
    """Without an address the emulated zones resolve it; a name without one fails the check."""
    world = World(FullyQualifiedDomainName="a.test")
    await world.run(40)
    assert world.healthy()
    assert world.asked[0].address == "127.0.10.1"
    world.names.clear()
    await world.run(60)
    assert not world.healthy()
    seen = world.store.get_health_check_status({"HealthCheckId": "c"})["HealthCheckObservations"]
    assert "DNS resolution failed for a.test" in seen[0]["StatusReport"]["Status"]


async def test_a_check_deleted_during_its_probe_leaves_no_report() -> None:
    """The result of a running probe is dropped."""
    world = World(IPAddress="127.0.10.1")
    world.store.delete_health_check({"HealthCheckId": "c"})
    await world.checkers.rounds.run_probe(("c", "us-east-1"))
    assert world.asked == []


def test_with_an_address_the_domain_name_is_the_host_header() -> None:
    """API reference, FullyQualifiedDomainName: sent as Host, with the port unless it is usual."""
    config = HealthCheckConfig(
        "HTTPS", "127.0.10.1", 8443, "/healthz", "a.test", interval_s=10, enable_sni=True
    )
    target = target_of(config, "127.0.10.1")
    assert target == Target(
        "127.0.10.1", 8443, "a.test:8443", "/healthz", tls=True, server_name="a.test"
    )
    assert target_of(HealthCheckConfig("TCP", "127.0.10.1", 9000), "127.0.10.1").host is None
    assert target_of(HealthCheckConfig("HTTP", None, 80, None, "a.test"), "127.0.10.1").host == (
        "a.test"
    )
