"""DNS resolution for probes: getaddrinfo in threads, refreshed in the background.

The system's resolver is used because all programs of the machine use it (hosts file, search list,
configured servers). It returns no time to live, so every name is resolved again every `REFRESH_S`.
When the resolver itself fails, probes continue with the last addresses, those that an earlier
process found included: the endpoint is not the cause. An answer that a name does not exist counts
once another name was seen to resolve (`name_absence`).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf
from weakref import WeakSet, WeakValueDictionary

import structlog

from controller.adapters.probing.address_families import Addresses
from controller.adapters.probing.failure_causes import (
    ABSENT_NAME_ERRORS,
    ResolverTroubleError,
    finding_of,
)
from controller.adapters.probing.name_absence import is_shared, to_ask
from controller.adapters.probing.sockets import Address
from controller.model.health import ResolvedAddresses

_log = structlog.get_logger("resolver")

REFRESH_S = 30.0
"""Seconds after which a name is resolved again: a new address is probed after this time at most."""
_THREADS = 8
"""Names that can be resolved at the same time."""
_KEPT_ADDRESSES = 32
"""Addresses of one name that the next process is given at most."""
_RETRY_AFTER_S = 1.0
"""Seconds after which a name that could not be resolved is tried again."""

OnResolved = Callable[[Addresses | Exception], None]
Lookup = Callable[[str, int], Addresses]


def look_up(host: str, port: int) -> Addresses:
    """The system resolver's addresses; blocks. Raises OSError, socket.gaierror and UnicodeError.

    Without a file descriptor the C library says that the name does not exist (EAI_NONAME), or
    EINVAL: then the error is that of a descriptor.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except OSError:
        os.close(os.open(os.devnull, os.O_RDONLY))  # raises when there is no descriptor
        raise
    families = (socket.AF_INET, socket.AF_INET6)
    return tuple(
        dict.fromkeys(_address(address) for family, *_, address in found if family in families)
    )


def literal_address(host: str, port: int) -> Address | None:
    """The address when `host` is an IP address, which needs no resolver; otherwise None."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return (host, port) if family == socket.AF_INET else (host, port, 0, 0)
    return None


def address_text(address: Address) -> str:
    """An address as text: `192.0.2.1:443`, `[2001:db8::1]:443`."""
    return f"[{address[0]}]:{address[1]}" if len(address) == 4 else f"{address[0]}:{address[1]}"


def parsed_address(text: str) -> Address:
    """The address that `address_text` wrote. Raises ValueError."""
    host, _, port = text.rpartition(":")
    address = literal_address(host.strip("[]"), int(port))
    if address is None:
        raise ValueError(f"{text} is no address")
    return address


def _address(found: Sequence[object]) -> Address:
    return tuple(found)  # type: ignore[return-value] # getaddrinfo gives what these families have


class ResolvedName:
    """The cached addresses of one name and port. Times are the event loop's clock."""

    def __init__(self, host: str, port: int, resolver: Resolver) -> None:
        self.host, self.port = host, port
        self.asked_at = self.resolved_at = -inf
        """As `name_absence.Witness` says."""
        self.found_at = -inf
        """When these addresses were found, by an earlier process perhaps."""
        self._resolver = resolver
        self._loop = asyncio.get_running_loop()
        self._addresses: Addresses = ()
        self._failure: Exception | None = None
        self._absence: socket.gaierror | None = None
        """That the name does not exist, while it is not known whether any does."""
        self._refresh_at = 0.0
        """When to resolve again."""
        self._gone_until = -inf
        """Until when its absence needs no other name's proof again."""
        self._pending: asyncio.Future[Addresses] | None = None
        self._callbacks: list[OnResolved] = []

    @property
    def known(self) -> Addresses:
        """The cached addresses; none if it was never resolved, or does not exist."""
        return self._addresses

    def addresses(self, on_resolved: OnResolved) -> Addresses | None:
        """The cached addresses, however old; a due refresh runs in the background.

        None while there are none: `on_resolved` is called later, with addresses or an exception.
        """
        if self._pending is None and self._loop.time() >= self._refresh_at:
            self.ask()
        if self._addresses:
            return self._addresses
        self._callbacks.append(on_resolved)
        if self._pending is None and self._absence is None:
            self._loop.call_soon(self._notify)
        return None

    def restore(self, addresses: Addresses, found_at: float) -> None:
        """Take these addresses, found by an earlier process, until it is resolved."""
        if not self._addresses and self.asked_at == -inf:
            self._addresses, self.found_at = addresses, found_at

    def ask(self) -> None:
        """Resolve it now, unless that is under way."""
        if self._pending is None:
            began_at = self._loop.time()
            self._pending = self._resolver.look_up(self.host, self.port)
            self._pending.add_done_callback(partial(self._on_lookup, began_at))

    def settle_absence(self, *, shared: bool) -> None:
        """Note that the name alone does not exist, or that no other name resolves either."""
        absence, self._absence = self._absence, None
        if shared:
            self._fail(ResolverTroubleError("no name resolves"))
            return
        self._addresses = ()
        self._gone_until = self._loop.time() + REFRESH_S
        self._fail(absence or socket.gaierror(socket.EAI_NONAME, "no such name"))

    def _on_lookup(self, began_at: float, lookup_future: asyncio.Future[Addresses]) -> None:
        self._pending = None
        if lookup_future.cancelled():
            return
        self.asked_at = began_at
        error = lookup_future.exception()
        found = () if error else lookup_future.result()
        self._refresh_at = self._loop.time() + (REFRESH_S if found else _RETRY_AFTER_S)
        if found:
            self._succeed(found)
        elif isinstance(error, UnicodeError):
            self._addresses = ()
            self._fail(error)
        elif error is None or getattr(error, "errno", None) in ABSENT_NAME_ERRORS:
            self._absence = _as_absence(error)
            if self._loop.time() < self._gone_until:
                self.settle_absence(shared=False)
        else:
            self._absence = None
            self._fail(error if isinstance(error, Exception) else OSError(str(error)))
        self._resolver.judge_absences(self if self._absence else None)

    def _succeed(self, found: Addresses) -> None:
        self.resolved_at, self.found_at = self.asked_at, self._loop.time()
        self._addresses, self._absence, self._gone_until = found, None, -inf
        if self._failure is not None:
            self._failure = None
            _log.info("name_resolves_again", name=self.host)
        self._notify()

    def _fail(self, failure: Exception) -> None:
        if self._failure is None or finding_of(failure) != finding_of(self._failure):
            why, last = finding_of(failure).detail, [a[0] for a in self._addresses]
            _log.warning("name_not_resolved", name=self.host, why=why, probing=last)
        self._failure = failure
        self._notify()

    def _notify(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for on_resolved in callbacks:
            on_resolved(
                self._addresses or self._failure or socket.gaierror(socket.EAI_NONAME, "no address")
            )


def _as_absence(error: BaseException | None) -> socket.gaierror:
    if isinstance(error, socket.gaierror):
        return error
    return socket.gaierror(socket.EAI_NODATA, "no address")


class Resolver:
    """The names of all probed endpoints; endpoints with the same name and port share one."""

    def __init__(self, lookup: Lookup = look_up) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")
        self._names: WeakValueDictionary[tuple[str, int], ResolvedName] = WeakValueDictionary()
        """Names that a target still uses."""
        self._absent: WeakSet[ResolvedName] = WeakSet()
        """Names that do not exist, while it is not known whether any does."""
        self._earlier: dict[str, ResolvedAddresses] = {}
        """Host to the addresses that an earlier process found."""
        self._is_closed = False

    def name(self, host: str, port: int) -> ResolvedName:
        """The shared cache entry of this name and port."""
        known = self._names.get((host, port))
        if known is None:
            known = self._names[(host, port)] = ResolvedName(host, port, self)
            self._restore(known)
        return known

    def look_up(self, host: str, port: int) -> asyncio.Future[Addresses]:
        """A lookup in a thread."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, self._lookup, host, port)

    def known_addresses(self) -> dict[str, ResolvedAddresses]:
        """Host to its last good addresses, and when they were found."""
        return {
            name.host: ResolvedAddresses(
                tuple(str(address[0]) for address in name.known[:_KEPT_ADDRESSES]), name.found_at
            )
            for name in list(self._names.values())
            if name.known
        }

    def restore(self, earlier: Mapping[str, ResolvedAddresses]) -> None:
        """Probe these addresses of an earlier process until their names are resolved."""
        self._earlier |= earlier
        for name in list(self._names.values()):
            self._restore(name)

    def close(self) -> None:
        """End the threads and cancel waiting lookups."""
        self._is_closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def judge_absences(self, new: ResolvedName | None) -> None:
        """Settle the names that do not exist as far as other names' answers allow, and ask those
        whose answers are missing."""
        if self._is_closed:
            return
        if new is not None:
            self._absent.add(new)
        names = list(self._names.values())
        for absent in list(self._absent):
            shared = is_shared(absent, names)
            if shared is None:
                for witness in to_ask(absent, names):
                    witness.ask()
                continue
            self._absent.discard(absent)
            absent.settle_absence(shared=shared)

    def _restore(self, name: ResolvedName) -> None:
        earlier = self._earlier.get(name.host)
        if earlier is not None:
            found = [literal_address(ip, name.port) for ip in earlier.addresses]
            name.restore(tuple(address for address in found if address), earlier.found_at)
