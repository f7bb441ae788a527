"""Probing of endpoints."""

from __future__ import annotations

from typing import Protocol

from controller.model.configuration import Endpoint
from controller.model.health import ProbeResult


class ProbeListener(Protocol):
    """Receives the results of one target's probes. Its methods must be short and must not raise."""

    def on_result(self, result: ProbeResult) -> None:
        """The result of a `start_probe`: exactly one, and never before `start_probe` returns."""
        ...

    def on_late_result(self, result: ProbeResult) -> None:
        """A passing answer that came after its probe timed out, but within `max_timeout_s`."""
        ...

    def on_addresses(self, addresses: tuple[str, ...]) -> bool:
        """The endpoint's name has these addresses, two or more; may be called by `start_probe`.

        True: the listener probes each of them itself (`Prober.address_target`), and this
        `start_probe` has no result. False: the probe is one attempt, which the first address that
        can be connected to decides.
        """
        ...

    def on_disconnect(self) -> None:
        """The connection that is kept open between probes was closed, while no probe ran."""
        ...


class Target(Protocol):
    """One endpoint that can be probed."""

    def start_probe(self, min_timeout_s: float, max_timeout_s: float) -> None:
        """Begin one probe; the previous one must have its result. Returns at once, never raises.

        The timeout, in seconds, adapts to the endpoint's latency:
        `min_timeout_s <= timeout <= max_timeout_s`.
        """
        ...

    def close(self) -> None:
        """Cancel a running probe and close connections; the listener is not called any more."""
        ...


class Prober(Protocol):
    """Probes endpoints."""

    def target(self, endpoint: Endpoint, listener: ProbeListener) -> Target:
        """The target of this endpoint; its results go to `listener`."""
        ...

    def address_target(self, endpoint: Endpoint, address: str, listener: ProbeListener) -> Target:
        """The target of one address of this endpoint, one of those of `on_addresses`."""
        ...

    @property
    def missing_families(self) -> tuple[str, ...]:
        """`IPv4` or `IPv6` where names have such addresses and this host has no route for any."""
        ...
