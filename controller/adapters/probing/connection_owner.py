"""What a connection needs of the target that it belongs to."""

from __future__ import annotations

from typing import Protocol, TypeVar

from controller.adapters.probing.failure_causes import ProbeFinding
from controller.adapters.probing.http.response_check import Expectation
from controller.adapters.probing.reactor import Reactor
from controller.adapters.probing.tls_trust import TlsTrust

C = TypeVar("C", contravariant=True)


class ConnectionOwner(Protocol[C]):
    """The target of a connection of type `C`: what to send, what to expect, whom to report to."""

    reactor: Reactor
    expected: Expectation
    request: bytes
    """Empty for a TCP probe, which passes as soon as it is connected."""
    trust: TlsTrust | None
    """None: no TLS."""
    server_name: str

    def on_finding(self, connection: C, finding: ProbeFinding, now: float) -> None:
        """The connection's probe has ended with this finding."""
        ...

    def on_timeout(self, connection: C, now: float) -> None:
        """The connection's timeout is over."""
        ...

    def on_stale(self, connection: C, now: float) -> None:
        """The server closed a reused connection before it answered."""
        ...

    def on_idle_closed(self, connection: C) -> None:
        """An idle connection was closed, or received data that belongs to no request."""
        ...
