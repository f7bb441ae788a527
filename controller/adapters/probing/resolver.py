"""Names to addresses, off the path of probes: getaddrinfo in threads, asked again before it is old.

The system's resolver is used because it is what everything else on the machine uses (hosts file,
search list, DNS over whatever is configured); it tells no time to live, so every name is asked anew
every `REFRESH_S`. An answer that a name does not exist counts at once. When the resolver itself is
in trouble the last addresses go on being asked: that trouble is not the endpoint's.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakValueDictionary

from controller.adapters.probing.sockets import Address

REFRESH_S = 30.0
"""A region that moved to another address is probed there after so long at most."""
_THREADS = 8
"""Names that can be asked at the same time."""
_AGAIN_AFTER_S = 1.0
"""How soon a name that could not be resolved is asked again."""

Addresses = tuple[Address, ...]
Resolved = Callable[[Addresses | Exception], None]
Ask = Callable[[str, int], Addresses]
_InThread = Callable[[str, int], "asyncio.Future[Addresses]"]


def look_up(host: str, port: int) -> Addresses:
    """Ask the system; blocks. Raises socket.gaierror and UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    families = (socket.AF_INET, socket.AF_INET6)
    return tuple(
        dict.fromkeys(_address(address) for family, *_, address in found if family in families)
    )


def literal(host: str, port: int) -> Address | None:
    """The address itself when the host is one already, which needs no resolver."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return (host, port) if family == socket.AF_INET else (host, port, 0, 0)
    return None


def shown(address: Address) -> str:
    """`192.0.2.1:443`, `[2001:db8::1]:443`."""
    return f"[{address[0]}]:{address[1]}" if len(address) == 4 else f"{address[0]}:{address[1]}"


def _address(found: Sequence[object]) -> Address:
    return tuple(found)  # type: ignore[return-value] # getaddrinfo gives what these families have


class ResolvedName:
    """One name and port, and what is known of its addresses."""

    def __init__(self, host: str, port: int, ask: _InThread) -> None:
        self._host, self._port, self._ask = host, port, ask
        self._loop = asyncio.get_running_loop()
        self._known: Addresses = ()
        self._failure: Exception | None = None
        self._due = 0.0
        """When to ask again."""
        self._asking: asyncio.Future[Addresses] | None = None
        self._waiting: list[Resolved] = []

    def addresses(self, told: Resolved) -> Addresses | None:
        """The addresses; None: `told` is called once they, or why there are none, are known.

        Never waits for what is known already, however old: it is asked anew meanwhile.
        """
        if self._asking is None and self._loop.time() >= self._due:
            self._refresh()
        if self._known:
            return self._known
        self._waiting.append(told)
        if self._asking is None:
            self._loop.call_soon(self._tell)
        return None

    def _refresh(self) -> None:
        self._asking = self._ask(self._host, self._port)
        self._asking.add_done_callback(self._done)

    def _done(self, asked: asyncio.Future[Addresses]) -> None:
        self._asking = None
        if asked.cancelled():
            return
        error = asked.exception()
        if error is None:
            self._known, self._failure = asked.result(), None
        else:
            self._failure = error if isinstance(error, Exception) else OSError(str(error))
            if not _is_temporary(error):
                self._known = ()
        self._due = self._loop.time() + (_AGAIN_AFTER_S if error else REFRESH_S)
        self._tell()

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for told in waiting:
            told(self._known or self._failure or socket.gaierror(socket.EAI_NONAME, "no address"))


def _is_temporary(error: BaseException) -> bool:
    lasting = (socket.EAI_NONAME, socket.EAI_NODATA)
    return not (isinstance(error, UnicodeError) or getattr(error, "errno", None) in lasting)


class Resolver:
    """Every name that is probed; the same name and port are asked once for all."""

    def __init__(self, ask: Ask = look_up) -> None:
        self._ask = ask
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")
        self._names: WeakValueDictionary[tuple[str, int], ResolvedName] = WeakValueDictionary()
        """Those that somebody still probes."""

    def name(self, host: str, port: int) -> ResolvedName:
        """What keeps the addresses of this name."""
        known = self._names.get((host, port))
        if known is None:
            known = ResolvedName(host, port, self._run)
            self._names[(host, port)] = known
        return known

    def close(self) -> None:
        """Ask nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, host: str, port: int) -> asyncio.Future[Addresses]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, self._ask, host, port)
