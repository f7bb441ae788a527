"""DNS resolution for probes: getaddrinfo in threads, refreshed in the background.

The system's resolver is used because all programs of the machine use it (hosts file, search list,
configured servers). It returns no time to live, so every name is resolved again every `REFRESH_S`.
An answer that a name does not exist counts at once. When the resolver itself fails, probes continue
with the last addresses: the endpoint is not the cause.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakValueDictionary

from controller.adapters.probing.address_families import Addresses
from controller.adapters.probing.sockets import Address

REFRESH_S = 30.0
"""Seconds after which a name is resolved again: a new address is probed after this time at most."""
_THREADS = 8
"""Names that can be resolved at the same time."""
_RETRY_AFTER_S = 1.0
"""Seconds after which a name that could not be resolved is tried again."""

OnResolved = Callable[[Addresses | Exception], None]
Lookup = Callable[[str, int], Addresses]
_InThread = Callable[[str, int], "asyncio.Future[Addresses]"]


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
    """The cached addresses of one name and port."""

    def __init__(self, host: str, port: int, lookup: _InThread) -> None:
        self._host, self._port, self._lookup = host, port, lookup
        self._loop = asyncio.get_running_loop()
        self._addresses: Addresses = ()
        self._failure: Exception | None = None
        self._refresh_at = 0.0
        """When to resolve again, by the event loop's clock."""
        self._pending: asyncio.Future[Addresses] | None = None
        self._callbacks: list[OnResolved] = []

    def addresses(self, on_resolved: OnResolved) -> Addresses | None:
        """The cached addresses, however old; a due refresh runs in the background.

        None while there are none: `on_resolved` is called later, with addresses or an exception.
        """
        if self._pending is None and self._loop.time() >= self._refresh_at:
            self._refresh()
        if self._addresses:
            return self._addresses
        self._callbacks.append(on_resolved)
        if self._pending is None:
            self._loop.call_soon(self._notify)
        return None

    def _refresh(self) -> None:
        self._pending = self._lookup(self._host, self._port)
        self._pending.add_done_callback(self._done)

    def _done(self, lookup_future: asyncio.Future[Addresses]) -> None:
        self._pending = None
        if lookup_future.cancelled():
            return
        error = lookup_future.exception()
        if error is None:
            self._addresses, self._failure = lookup_future.result(), None
        else:
            self._failure = error if isinstance(error, Exception) else OSError(str(error))
            if not _is_temporary(error):
                self._addresses = ()
        self._refresh_at = self._loop.time() + (_RETRY_AFTER_S if error else REFRESH_S)
        self._notify()

    def _notify(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for on_resolved in callbacks:
            on_resolved(
                self._addresses or self._failure or socket.gaierror(socket.EAI_NONAME, "no address")
            )


def _is_temporary(error: BaseException) -> bool:
    lasting = (socket.EAI_NONAME, socket.EAI_NODATA)
    return not (isinstance(error, UnicodeError) or getattr(error, "errno", None) in lasting)


class Resolver:
    """The names of all probed endpoints; endpoints with the same name and port share one."""

    def __init__(self, lookup: Lookup = look_up) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")
        self._names: WeakValueDictionary[tuple[str, int], ResolvedName] = WeakValueDictionary()
        """Names that a target still uses."""

    def name(self, host: str, port: int) -> ResolvedName:
        """The shared cache entry of this name and port."""
        known = self._names.get((host, port))
        if known is None:
            known = ResolvedName(host, port, self._run)
            self._names[(host, port)] = known
        return known

    def close(self) -> None:
        """End the threads and cancel waiting lookups."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, host: str, port: int) -> asyncio.Future[Addresses]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, self._lookup, host, port)
