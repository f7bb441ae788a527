"""The Prober port over the network."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from controller.adapters.probing.network_target import NetworkTarget
from controller.adapters.probing.reactor import Reactor
from controller.adapters.probing.resolver import Ask, Resolver, look_up
from controller.adapters.probing.shared_resources import SharedResources
from controller.adapters.probing.sockets import stamping
from controller.model.configuration import Endpoint
from controller.ports import Watcher
from controller.settings.references import NO_REFERENCES, References


class NetworkProber:
    """Fulfils the Prober port; to be used as `async with`.

    HTTPS always verifies the certificate and its name: users' browsers would refuse what does not
    pass. No redirect is followed, no cookie kept, no compression asked for.
    """

    def __init__(self, references: References = NO_REFERENCES, ask: Ask = look_up) -> None:
        """`ask`: resolves a name, in a thread."""
        self._references = references
        self._ask = ask

    def use(self, references: References) -> None:
        """Send these secrets and trust these authorities from the next probe on."""
        self._shared.use(references)

    async def __aenter__(self) -> Self:
        self._stamping = stamping()
        self._reactor = Reactor()
        self._resolver = Resolver(self._ask)
        self._shared = SharedResources(self._reactor, self._resolver, self._references)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reactor.close()
        self._stamping.close()
        self._resolver.close()

    def target(self, endpoint: Endpoint, watcher: Watcher) -> NetworkTarget:
        """As the port promises."""
        return NetworkTarget(self._shared, endpoint, watcher)
