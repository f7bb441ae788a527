"""What becomes of a region whose name has addresses of one or both families, under every failure.

The region is probed by name beside another region, over both families, and reference targets. Then
all its addresses fail alike. The outcome is the region's verdict, when it was reached, and its
evidence in words.
"""

from __future__ import annotations

import asyncio
import errno
import re
import ssl
from itertools import product
from typing import NamedTuple

from controller.adapters.probing.address_families import Addresses, AddressFamilies, family_of
from controller.adapters.probing.failure_causes import finding_of
from controller.adapters.probing.resolver import address_text
from controller.adapters.probing.sockets import Address
from controller.model.decision import Snapshot
from controller.model.health import RegionHealth, Verdict
from controller.planning.health.isolation import isolation
from controller.planning.health.quorum import health_by_service
from tests.loops.probed import Bench
from tests.loops.small import EAST, WEST, region, small, weighted

NAMES = ("A", "AAAA", "A and AAAA")
ROUTES = ("yes", "not to them", "not for IPv6", "not for IPv4")
FAILURES = ("refused", "silent", "reset", "TLS failure", "wrong status")
NUMBERS = (1, 3)
HEAD = "| Records | Route | Addresses | They | Verdict | After | In words |"
"""The first line of the table."""
WEB = "https://web.test/"
HERE = {
    "IPv4": ("https://192.0.2.201/", "tcp://192.0.2.202:1"),
    "IPv6": ("https://[2001:db8::c9]/", "tcp://[2001:db8::ca]:1"),
}
"""Of each family: an endpoint of the other region, and a reference target."""
BREAKS_AT_S = 4.999
"""A moment before the next probe, when everything has been up for a while."""


class Case(NamedTuple):
    """One cell of the matrix."""

    names: str
    route: str
    number: int
    """Addresses of each family."""
    failure: str

    @property
    def can_connect(self) -> bool:
        """Whether a route leads to any of the addresses."""
        is_other_there = self.names == "A and AAAA" and self.route != "not to them"
        return self.route == "yes" or is_other_there

    @property
    def watched_s(self) -> float:
        """Simulated seconds after which nothing changes any more."""
        return {"yes": 5.0, "not to them": 33.0}.get(self.route, 13.0)

    @property
    def addresses(self) -> Addresses:
        """The addresses of the name, as its records are."""
        four: list[Address] = [(f"192.0.2.{n}", 443) for n in range(1, self.number + 1)]
        six: list[Address] = [(f"2001:db8::{n}", 443, 0, 0) for n in range(1, self.number + 1)]
        return tuple({"A": four, "AAAA": six, "A and AAAA": six + four}[self.names])

    def lacks(self, family: str) -> bool:
        """Whether this host has no route for the family."""
        return self.route == f"not for {family}"


class Outcome(NamedTuple):
    """What becomes of the region."""

    verdict: str
    after: str
    words: str


def cases() -> list[Case]:
    """Every cell that can be; without a route for them, addresses fail in one way only."""
    found = [Case(n, r, k, f) for n, r, k, f in product(NAMES, ROUTES, NUMBERS, FAILURES)]
    return [case for case in found if _can_be(case)]


def _can_be(case: Case) -> bool:
    """Whether a missing family matters to the name, and a failure can be met."""
    if (case.names, case.route) in (("A", "not for IPv6"), ("AAAA", "not for IPv4")):
        return False
    return case.can_connect or case.failure == FAILURES[0]


class MatrixBench(Bench):
    """A probe loop over the two regions, and how the first one's addresses are broken."""

    def __init__(self, case: Case) -> None:
        shop = weighted()
        there: dict[str, dict[str, object]] = {
            name.lower(): {"probe": HERE[name][0]} for name in HERE if not case.lacks(name)
        }
        shop["regions"] = {WEST: region(web={"probe": WEB}), EAST: region(**there)}
        known_good = [HERE[name][1] for name in HERE if not case.lacks(name)]
        super().__init__(
            settings=small(
                services={"shop": shop},
                reference_targets={"known_good": known_good},
                probing={"interval_s": 1, "deadline_s": 1},
                health={"up_after": 3, "up_for_s": 0},
            )
        )
        self.case = case
        self.verdict, self.changed_at = Verdict.UNKNOWN, 0.0
        families = AddressFamilies(lambda: 0.0, lambda address: not case.lacks(family_of(address)))
        usable = families.usable(case.addresses)
        self.prober.resolve(WEB, *map(address_text, usable))
        self._told = dict(zip(map(address_text, usable), usable, strict=True))
        for name in HERE:
            for probe in HERE[name]:
                literal = probe.partition("://")[2].strip("/")
                self.prober.resolve(probe, literal if literal.endswith(":1") else f"{literal}:443")
        if not case.can_connect and case.route != "not to them":
            self.break_addresses()  # the host was never otherwise

    def break_addresses(self) -> None:
        """All addresses of the name fail from now on."""
        for text, address in self._told.items():
            self._break(text if len(self._told) > 1 else WEB, address)

    def _break(self, told: str, address: Address) -> None:
        case, family = self.case, family_of(address)
        if case.lacks(family):
            self._refuse(told, OSError(errno.ENETUNREACH, ""), f"no {family} route from here")
        elif case.route == "not to them":
            self._refuse(told, OSError(errno.ENETUNREACH, ""))
        elif case.failure == "silent":
            self.prober.hang(told)
        elif case.failure == "wrong status":
            self._tell(told, "HTTP 503")
        else:
            self._refuse(told, _ERRORS[case.failure])

    def _refuse(self, told: str, error: Exception, detail: str = "") -> None:
        finding = finding_of(error)
        self.prober.not_run_cause = finding.cause or self.prober.not_run_cause
        self.prober.answer(told, finding.outcome, detail or finding.detail)

    def _tell(self, told: str, detail: str) -> None:
        self.prober.answer(told, finding_of(_ERRORS["refused"]).outcome, detail)

    def look(self) -> RegionHealth:
        """The region's health, as a decision made now has it; notes when its verdict changes."""
        settings, probing = self.active_settings.settings, self.probing
        snapshot = Snapshot(
            now=self.clock.monotonic(),
            started_at=0.0,
            settings=settings,
            health={settings.vantage.name: probing.health},
            known_good=probing.known_good,
            observed={},
            expected={},
            overrides=(),
        )
        found = health_by_service(snapshot, isolated=isolation(snapshot))["shop"][WEST]
        if found.verdict is not self.verdict:
            self.verdict, self.changed_at = found.verdict, snapshot.now
        return found

    def _wake(self) -> None:
        self.look()


_ERRORS = {
    "refused": ConnectionRefusedError(errno.ECONNREFUSED, ""),
    "reset": ConnectionResetError(errno.ECONNRESET, ""),
    "TLS failure": ssl.SSLCertVerificationError(1, "certificate verify failed"),
}
_ERRORS["TLS failure"].verify_message = "certificate has expired"  # type: ignore[attr-defined] # as OpenSSL sets it


async def outcome(case: Case) -> Outcome:
    """What becomes of the region in one case; in simulated time."""
    bench = MatrixBench(case)
    async with bench.running():
        await asyncio.sleep(BREAKS_AT_S)
        bench.look()
        broke_at = bench.clock.monotonic()
        bench.break_addresses()
        while bench.clock.monotonic() < broke_at + case.watched_s:
            await asyncio.sleep(0.5)  # a verdict that ends by age wakes nobody
            health = bench.look()
    after = f"{bench.changed_at - broke_at:.1f} s" if bench.changed_at > broke_at else "always"
    return Outcome(health.verdict.value, after, _in_short(health.why))


def _in_short(why: str) -> str:
    """The evidence without what is the same in every case, and without the list of addresses."""
    text = why.removeprefix("web: ").replace(" (1 of 1 vantage point)", "")
    return re.sub(r"(addresses fail): .*", r"\1", text)


async def table() -> str:
    """The matrix as Markdown; without a route it does not matter how addresses would fail."""
    lines = [HEAD, "| --- | --- | --- | --- | --- | --- | --- |"]
    for case in cases():
        failure = case.failure if case.can_connect else "-"
        is_dual = case.names == "A and AAAA"
        number = f"{case.number} + {case.number}" if is_dual else str(case.number)
        cells = (case.names, case.route, number, failure, *await outcome(case))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
