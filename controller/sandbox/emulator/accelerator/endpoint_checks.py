"""Global Accelerator's own health checks of its endpoints.

Follows the developer guide's *Health check options*: a TCP connection at the group's interval and
threshold. The first result decides (INITIAL turns HEALTHY or UNHEALTHY), later ones count in a
row; an endpoint that is still INITIAL is routed to, as nothing speaks against it.
"""

from collections.abc import Callable
from random import Random

from controller.sandbox.emulator.accelerator.resources import Endpoint, EndpointGroup
from controller.sandbox.emulator.accelerator.store import AcceleratorStore
from controller.sandbox.emulator.checkers.health_checkers import Probe
from controller.sandbox.emulator.checkers.probe_rounds import Opinion, ProbeRounds
from controller.sandbox.emulator.checkers.single_probe import Target, probe

Job = tuple[str, str]  # endpoint group ARN and endpoint id


class EndpointHealth:
    """What the accelerators believe of their endpoints."""

    def __init__(self) -> None:
        self._opinions: dict[Job, Opinion] = {}

    def state(self, group_arn: str, endpoint_id: str) -> str:
        """The endpoint's HealthState: INITIAL, HEALTHY or UNHEALTHY."""
        opinion = self._opinions.get((group_arn, endpoint_id))
        if opinion is None:
            return "INITIAL"
        return "HEALTHY" if opinion.healthy else "UNHEALTHY"

    def routable(self, group: EndpointGroup, endpoint: Endpoint) -> bool:
        """True unless the endpoint is known to be unhealthy."""
        return self.state(group.arn, endpoint.id) != "UNHEALTHY"

    def record(self, job: Job, passed: bool, threshold: int) -> None:
        """Take in one result."""
        known = self._opinions.get(job)
        self._opinions[job] = Opinion(passed) if known is None else known.advance(passed, threshold)


class EndpointChecks:
    """Asks every endpoint that users can meet, and keeps what it believes in `health`."""

    def __init__(
        self,
        store: AcceleratorStore,
        health: EndpointHealth,
        clock: Callable[[], float],
        rng: Random,
        probe: Probe = probe,
    ) -> None:
        """`clock` gives seconds; `rng` staggers the checks."""
        self._store = store
        self._health = health
        self._probe = probe
        self.rounds = ProbeRounds(self._wanted, self._check, clock, rng)
        """When to check what; to be run."""

    def _wanted(self) -> dict[Job, float]:
        return {job: float(group.check_interval_s) for job, (group, _) in self._endpoints().items()}

    async def _check(self, job: Job) -> None:
        """Make one check; an endpoint that was removed meanwhile is dropped."""
        known = self._endpoints().get(job)
        if known is not None:
            group, endpoint = known
            result = await self._probe(Target(endpoint.address, group.check_port))
            self._health.record(job, result.passed, group.threshold)

    def _endpoints(self) -> dict[Job, tuple[EndpointGroup, Endpoint]]:
        return {
            (group.arn, endpoint.id): (group, endpoint)
            for accelerator in self._store.served()
            for listener in accelerator.listeners
            for group in listener.groups
            for endpoint in group.endpoints
        }
