"""Which address families this host can use: IPv4, IPv6 or both; and in which order to try them.

A host without IPv6 gets IPv6 addresses of dual-stack names all the same. No route for a whole
family is a fact about this host, so such an address is neither probed nor counted while the name
has others. An address that no route leads to, of a family that has routes, is another matter
(`planning.health.unreachable`).
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable
from itertools import chain, zip_longest

import structlog

from controller.adapters.probing.sockets import Address

_log = structlog.get_logger("probing")
RECHECK_S = 30.0
"""Seconds after which routes are looked up again."""
_FAR_AWAY: dict[str, Address] = {
    "IPv4": ("192.0.2.1", 9),
    "IPv6": ("2001:db8::1", 9, 0, 0),
}
"""Of each family an address that only a route to the rest of the world leads to: those reserved for
documentation (RFC 5737, RFC 3849). Nothing is sent there."""
_WITHOUT_ROUTE = frozenset((errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT))
_REMEMBERED = 4
"""Addresses of a family that are remembered to have answered."""
Addresses = tuple[Address, ...]
HasRoute = Callable[[Address], bool]


def family_of(address: Address) -> str:
    """`IPv4` or `IPv6`."""
    return "IPv4" if len(address) == 2 else "IPv6"


def has_route(address: Address) -> bool:
    """Whether the kernel knows a route to the address. To connect a UDP socket sends nothing."""
    kind = socket.AF_INET if len(address) == 2 else socket.AF_INET6
    try:
        with socket.socket(kind, socket.SOCK_DGRAM) as sock:
            sock.connect(address)
    except OSError as error:
        return error.errno not in _WITHOUT_ROUTE
    return True


def interleaved(addresses: Addresses) -> Addresses:
    """The addresses with families in turn, else in the resolver's order (RFC 8305, 4).

    Example, `4` IPv4 and `6` IPv6: `6a 6b 6c 4a` becomes `6a 4a 6b 6c`.
    """
    first = [one for one in addresses if len(one) == len(addresses[0])]
    second = [one for one in addresses if len(one) != len(addresses[0])]
    both = chain.from_iterable(zip_longest(first, second))
    return tuple(one for one in both if one is not None)


class AddressFamilies:
    """The families that this host has routes for, looked up when a name has several addresses."""

    def __init__(self, now_s: Callable[[], float], has_route: HasRoute = has_route) -> None:
        self._now_s = now_s
        self._look_up = has_route
        self._looked_up: dict[Address, bool] = {}
        self._forget_at = 0.0
        self._missing: set[str] = set()
        self._answered: dict[str, deque[Address]] = {
            name: deque(maxlen=_REMEMBERED) for name in _FAR_AWAY
        }
        """Addresses that answered; a route to one of them is one of the family."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Families that addresses were left out of because this host has no route for them."""
        return tuple(sorted(self._missing))

    def usable(self, addresses: Addresses) -> Addresses:
        """The addresses without those of a missing family, families in turn.

        All of them when none would be left: then the probe says what is wrong.
        """
        kept = tuple(one for one in addresses if not self.is_missing(one))
        return interleaved(kept or addresses)

    def note_answer(self, address: Address) -> None:
        """Note that this address answered: a network may have no route to the rest of the world."""
        answered = self._answered[family_of(address)]
        if address not in answered:
            answered.append(address)

    def is_missing(self, address: Address) -> bool:
        """Whether neither the address nor any other of its family has a route."""
        family = family_of(address)
        others = (_FAR_AWAY[family], *self._answered[family])
        is_missing = not any(map(self._has_route, (address, *others)))
        if is_missing and family not in self._missing:
            self._missing.add(family)
            _log.warning(
                "address_family_missing",
                family=family,
                detail=f"this host has no route for {family}; such addresses are not probed where "
                "a name has others",
            )
        elif family in self._missing and any(map(self._has_route, others)):
            self._missing.discard(family)
            _log.info("address_family_back", family=family)
        return is_missing

    def _has_route(self, address: Address) -> bool:
        now = self._now_s()
        if now >= self._forget_at:
            self._looked_up.clear()
            self._forget_at = now + RECHECK_S
        found = self._looked_up.get(address)
        if found is None:
            found = self._looked_up[address] = self._look_up(address)
        return found
