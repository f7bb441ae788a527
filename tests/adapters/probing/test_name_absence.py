"""A name that does not exist: its own failure, or the resolver's."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import dataclass, field
from math import inf

import pytest

from controller.adapters.probing.address_families import Addresses
from controller.adapters.probing.name_absence import WITNESSES, is_shared, to_ask
from controller.adapters.probing.prober import NetworkProber
from controller.adapters.probing.resolver import Resolver
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult, ResolvedAddresses
from tests.adapters.probing.asking import OK, Asker, until
from tests.adapters.probing.servers import raw, served
from tests.loops.small import events, logged

GONE = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
NO_ADDRESS = socket.gaierror(socket.EAI_NODATA, "No address associated with hostname")
REFUSED = socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution")
SERVFAIL = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
ADDRESS = ("192.0.2.1", 80)


@dataclass
class Other:
    """Another name."""

    host: str = "b.test"
    asked_at: float = -inf
    resolved_at: float = -inf

    def ask(self) -> None:
        raise AssertionError("only the resolver asks")


A = Other("a.test", asked_at=5.0)


@pytest.mark.parametrize(
    ("others", "shared"),
    [
        ([], False),
        ([Other("a.test", 9.0, 9.0)], False),
        ([Other(asked_at=5.0, resolved_at=5.0)], False),
        ([Other(asked_at=4.9, resolved_at=4.9)], None),
        ([Other()], None),
        ([Other(asked_at=5.1)], True),
        ([Other(asked_at=4.0)], True),
        ([Other(asked_at=3.9)], None),
        ([Other(asked_at=5.1, resolved_at=2.0)], True),
        ([Other(asked_at=5.1, resolved_at=2.0), Other("c.test", 5.2, 5.2)], False),
        ([Other(asked_at=5.1, resolved_at=2.0), Other("c.test", 3.0, 3.0)], None),
    ],
)
def test_an_absence_is_shared_when_nothing_else_resolves(
    others: list[Other], shared: bool | None
) -> None:
    """As far as asked since; the same host at another port tells nothing."""
    assert is_shared(A, [A, *others]) is shared
    assert (shared is not None) or to_ask(A, [A, *others])


def test_few_others_are_asked() -> None:
    """Those that resolved last."""
    others = [Other(f"{i}.test", i / 10, i / 10) for i in range(20)]

    asked = to_ask(A, [A, *others])

    assert [other.host for other in asked] == [f"{i}.test" for i in range(19, 19 - WITNESSES, -1)]


@dataclass
class Zones:
    """A system resolver; every name but those in `troubles` exists."""

    troubles: dict[str, Exception] = field(default_factory=dict)
    everything: Exception | None = None
    port: int = 80
    asked: list[str] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.free.set()

    def __call__(self, host: str, port: int) -> Addresses:
        self.asked.append(host)
        assert self.free.wait(10)
        error = self.everything or self.troubles.get(host)
        if error is not None:
            raise error
        return (("127.0.0.1", port),)


async def resolved(resolver: Resolver, host: str) -> Addresses | Exception:
    """What a probe of this name is given now."""
    name, results = resolver.name(host, 80), list[Addresses | Exception]()
    kept.append(name)
    now = name.addresses(results.append)
    if now is None:
        await until(lambda: bool(results))
    return now or results[0]


kept: list[object] = []
"""Names that are probed: the resolver forgets all others."""


@pytest.mark.parametrize("absence", [GONE, NO_ADDRESS], ids=["NXDOMAIN", "NODATA"])
async def test_a_name_that_alone_is_gone_is_gone(absence: Exception) -> None:
    """Others are asked at once, though they resolved well before; its addresses count no more."""
    zones = Zones()
    resolver = Resolver(zones)
    for host in ("a.test", "b.test"):
        await resolved(resolver, host)
    zones.troubles["a.test"] = absence
    with logged() as lines:
        resolver.name("a.test", 80).ask()
        await until(lambda: not resolver.name("a.test", 80).known)
    found = await resolved(resolver, "a.test")
    resolver.close()

    assert found is absence
    assert zones.asked == ["a.test", "b.test", "a.test", "b.test"]
    assert events(lines) == ["name_not_resolved"]
    assert list(resolver.known_addresses()) == ["b.test"]


@pytest.mark.parametrize(
    "troubles",
    [
        {"a.test": GONE, "b.test": GONE, "c.test": NO_ADDRESS},
        {"a.test": GONE, "b.test": SERVFAIL, "c.test": SERVFAIL},
    ],
    ids=["all gone", "others fail"],
)
async def test_an_absence_that_others_share_is_the_resolvers(
    troubles: dict[str, Exception],
) -> None:
    """Probes go on with the last addresses."""
    zones = Zones()
    resolver = Resolver(zones)
    for host in troubles:
        await resolved(resolver, host)
    zones.troubles = troubles
    with logged() as lines:
        resolver.name("a.test", 80).ask()
        await until(lambda: "name_not_resolved" in events(lines))
        await until(lambda: len(zones.asked) >= 6)
        await asyncio.sleep(0.05)
    found = await resolved(resolver, "a.test")
    resolver.close()

    assert found == (("127.0.0.1", 80),)
    assert len(zones.asked) <= 8, "each is asked once more, not again and again"


async def probed(
    zones: Zones, url: str, earlier: tuple[str, ...] = (), times: int = 1
) -> list[ProbeResult]:
    """Results of the first probes of a process; it stops at the first that does not pass."""
    async with NetworkProber(lookup=zones) as prober:
        found_at = asyncio.get_running_loop().time() - 60
        known = {"a.test": ResolvedAddresses(earlier, found_at)} if earlier else {}
        prober.restore_addresses(known)
        others = [Asker(prober, Endpoint(probe=f"tcp://{name}.test:1")) for name in "bc"]
        for other in others:
            other.target.start_probe(1.0, 1.0)
        asker, results = Asker(prober, Endpoint(probe=url)), list[ProbeResult]()
        while len(results) < times:
            results.append(await asker.ask(2.0))
            if results[-1].outcome is not ProbeOutcome.PASSED:
                break
        return results


VERDICTS = [
    (SERVFAIL, True, "could_not_run", "resolver: Temporary failure in name resolution"),
    (REFUSED, True, "could_not_run", "resolver: Non-recoverable failure in name resolution"),
    (OSError(24, "Too many open files"), True, "could_not_run", "no file descriptor left in"),
    (GONE, True, "failed", "name does not resolve"),
    (NO_ADDRESS, True, "failed", "name does not resolve"),
    (GONE, False, "could_not_run", "resolver: no name resolves"),
    (SERVFAIL, False, "could_not_run", "resolver: Temporary failure in name resolution"),
]


@pytest.mark.parametrize(("trouble", "others_resolve", "outcome", "detail"), VERDICTS, ids=str)
async def test_the_verdict_on_a_name_that_never_resolved(
    trouble: Exception, others_resolve: bool, outcome: str, detail: str
) -> None:
    """Whose trouble it is, in words."""
    zones = Zones({"a.test": trouble}, everything=None if others_resolve else trouble)
    async with served(raw(OK)) as address:
        [result] = await probed(zones, f"http://a.test:{address.rpartition(':')[2]}/")

    assert result.outcome == outcome
    assert result.detail.startswith(detail)


@pytest.mark.parametrize(("trouble", "others_resolve", "outcome", "detail"), VERDICTS, ids=str)
async def test_the_verdict_on_a_name_that_an_earlier_process_resolved(
    trouble: Exception, others_resolve: bool, outcome: str, detail: str
) -> None:
    """As if there had been no restart: its last addresses are probed, unless it alone is gone."""
    zones = Zones({"a.test": trouble}, everything=None if others_resolve else trouble)
    async with served(raw(OK)) as address:
        url = f"http://a.test:{address.rpartition(':')[2]}/"
        results = await probed(zones, url, ("127.0.0.1",), times=500 if outcome == "failed" else 5)

    assert results[-1].outcome == ("failed" if outcome == "failed" else "passed")
    assert results[0].outcome is ProbeOutcome.PASSED
