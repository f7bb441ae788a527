"""The emulated AWS without sockets: its stores, and the operations of its APIs.

`server` adds HTTP, DNS, health checkers and the accelerators' data plane. The simulation calls the
operations directly, in simulated time.
"""

from collections.abc import Callable, Mapping

from controller.sandbox.emulator.accelerator.endpoint_checks import EndpointHealth
from controller.sandbox.emulator.accelerator.operations import API_REGION, GlobalAccelerator
from controller.sandbox.emulator.accelerator.store import AcceleratorStore
from controller.sandbox.emulator.checkers.reports import CheckerReports
from controller.sandbox.emulator.http.gateway import Service
from controller.sandbox.emulator.route53.dns_answers import View
from controller.sandbox.emulator.route53.health_checks import HealthCheckStore
from controller.sandbox.emulator.route53.zones import ZoneStore


class Stores:
    """The state of the emulated AWS, and the operations on it."""

    def __init__(
        self, clock: Callable[[], float], insync_after_s: float, deployed_after_s: float
    ) -> None:
        """`clock` gives seconds since 1970; changes are INSYNC or DEPLOYED after these times."""
        self.reports = CheckerReports()
        self.health_checks = HealthCheckStore(self.reports)
        self.zones = ZoneStore(clock, insync_after_s, self.health_checks.exists)
        self.accelerators = AcceleratorStore(clock, deployed_after_s)
        self.endpoint_health = EndpointHealth()

    def services(self) -> Mapping[str, Service]:
        """The emulated services by their names in request signatures."""
        accelerator = GlobalAccelerator(self.accelerators, self.endpoint_health.state)
        route53 = {**self.zones.operations, **self.health_checks.operations}
        return {
            "route53": Service("route53", route53),
            "globalaccelerator": Service(
                "globalaccelerator", accelerator.operations, home_region=API_REGION
            ),
        }

    def view(self) -> View:
        """The input of DNS answers at this moment."""
        return View(
            self.zones.served_zones(),
            self.health_checks.is_healthy,
            self.accelerators.static_addresses,
        )
