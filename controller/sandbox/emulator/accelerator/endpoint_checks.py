"""Global Accelerator's health checks of its endpoints.

Follows the developer guide's *Health check options*: a TCP connection at the group's interval and
threshold. The first result decides (INITIAL becomes HEALTHY or UNHEALTHY); later a change needs
several results in a row. An INITIAL endpoint gets traffic.
"""

from collections.abc import Callable
from random import Random

from controller.sandbox.emulator.accelerator.resources import Endpoint, EndpointGroup
from controller.sandbox.emulator.accelerator.store import AcceleratorStore
from controller.sandbox.emulator.checkers.health_checkers import Probe
from controller.sandbox.emulator.checkers.probe_rounds import Opinion, ProbeRounds
from controller.sandbox.emulator.checkers.single_probe import Target, probe

CheckKey = tuple[str, str]  # endpoint group ARN and endpoint id


class EndpointHealth:
    """The health states of all endpoints."""

    def __init__(self) -> None:
        self._opinions: dict[CheckKey, Opinion] = {}

    def state(self, group_arn: str, endpoint_id: str) -> str:
        """The endpoint's HealthState: INITIAL, HEALTHY or UNHEALTHY."""
        opinion = self._opinions.get((group_arn, endpoint_id))
        if opinion is None:
            return "INITIAL"
        return "HEALTHY" if opinion.healthy else "UNHEALTHY"

    def routable(self, group: EndpointGroup, endpoint: Endpoint) -> bool:
        """Whether the endpoint may get traffic: it is not UNHEALTHY."""
        return self.state(group.arn, endpoint.id) != "UNHEALTHY"

    def record(self, key: CheckKey, passed: bool, threshold: int) -> None:
        """Count one result."""
        opinion = self._opinions.get(key)
        self._opinions[key] = (
            Opinion(passed) if opinion is None else opinion.advance(passed, threshold)
        )


class EndpointChecks:
    """Checks all endpoints of deployed accelerators and records the results in `health`."""

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
        """The schedule of the checks; call its `run`."""

    def _wanted(self) -> dict[CheckKey, float]:
        return {key: float(group.check_interval_s) for key, (group, _) in self._endpoints().items()}

    async def _check(self, key: CheckKey) -> None:
        """Make one check; skip an endpoint that was removed meanwhile."""
        group_and_endpoint = self._endpoints().get(key)
        if group_and_endpoint is not None:
            group, endpoint = group_and_endpoint
            result = await self._probe(Target(endpoint.address, group.check_port))
            self._health.record(key, result.passed, group.threshold)

    def _endpoints(self) -> dict[CheckKey, tuple[EndpointGroup, Endpoint]]:
        return {
            (group.arn, endpoint.id): (group, endpoint)
            for accelerator in self._store.served()
            for listener in accelerator.listeners
            for group in listener.groups
            for endpoint in group.endpoints
        }
