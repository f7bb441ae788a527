"""Route 53's health checkers: three of them probe the endpoints of all checks over the network.

Follows the developer guide's *How Amazon Route 53 determines whether an endpoint is healthy* and
the API reference's *HealthCheckConfig* (RequestInterval, FailureThreshold; with an IPAddress the
domain name is the Host header, without one it is resolved). Not emulated: checkers in eight
Regions with several machines each, and resolution outside the emulated zones.
"""

from collections.abc import Awaitable, Callable
from random import Random

from controller.sandbox.emulator.checkers.probe_rounds import ProbeRounds
from controller.sandbox.emulator.checkers.reports import CHECKERS, CheckerReports, Observation
from controller.sandbox.emulator.checkers.single_probe import ProbeResult, Target, probe
from controller.sandbox.emulator.route53.health_checks import HealthCheckConfig, HealthCheckStore

Probe = Callable[[Target], Awaitable[ProbeResult]]
Resolve = Callable[[str], str | None]  # domain name to IPv4 address
CheckKey = tuple[str, str]  # check id and checker Region


class HealthCheckers:
    """Probes endpoints when their checks are due and passes the results to the reports."""

    def __init__(
        self,
        store: HealthCheckStore,
        reports: CheckerReports,
        resolve: Resolve,
        clock: Callable[[], float],
        rng: Random,
        probe: Probe = probe,
    ) -> None:
        """`clock` gives seconds since 1970; `rng` staggers the checkers."""
        self._store = store
        self._reports = reports
        self._resolve = resolve
        self._clock = clock
        self._probe = probe
        self.rounds = ProbeRounds(self._wanted, self._check, clock, rng)
        """The schedule of the checks; call its `run`."""

    def _wanted(self) -> dict[CheckKey, float]:
        return {
            (check_id, region): float(config.interval_s or 30)
            for check_id, config in self._store.probed().items()
            for region in CHECKERS
        }

    async def _check(self, key: CheckKey) -> None:
        """Make one check and report it; skip one that was deleted or disabled meanwhile."""
        check_id, region = key
        config = self._store.probed().get(check_id)
        if config is None:
            return
        result = await self._probe_endpoint(config)
        if check_id in self._store.probed():
            observation = Observation(region, result.passed, result.status, self._clock())
            self._reports.record(check_id, observation, config.failure_threshold or 3)

    async def _probe_endpoint(self, config: HealthCheckConfig) -> ProbeResult:
        address = config.ip_address or self._resolve(config.domain_name or "")
        if address is None:
            return ProbeResult(False, f"Failure: DNS resolution failed for {config.domain_name}.")
        return await self._probe(target_of(config, address))


def target_of(config: HealthCheckConfig, address: str) -> Target:
    """The probe that a check makes at an address."""
    port = config.port or 0
    if config.type == "TCP":
        return Target(address, port)
    host = config.domain_name or address
    return Target(
        address,
        port,
        host=host if port in (80, 443) else f"{host}:{port}",
        path=config.resource_path or "/",
        tls=config.type.startswith("HTTPS"),
        server_name=config.domain_name if config.enable_sni else None,
        search_string=config.search_string,
    )
