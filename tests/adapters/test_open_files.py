"""Descriptors have owners: what the settings need is asked for, and too few are shared out."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from controller.adapters.open_files import RESERVED, claim, shared_out
from controller.model.configuration import Endpoint, Settings
from tests.loops.simulated import SETTINGS
from tests.loops.small import logged


@cache
def with_endpoints(count: int) -> Settings:
    """The sandbox's settings with so many endpoints more in one region."""
    service = SETTINGS.services["shop"]
    name, region = next(iter(service.regions.items()))
    more = {f"n{n}": Endpoint(probe=f"http://127.0.0.1:{n + 1}/") for n in range(count)}
    changed = region.model_copy(update={"endpoints": {**region.endpoints, **more}})
    regions = {**service.regions, name: changed}
    services = {**SETTINGS.services, "shop": service.model_copy(update={"regions": regions})}
    return SETTINGS.model_copy(update={"services": services})


@pytest.mark.parametrize("endpoints", [0, 600, 9_000])
@pytest.mark.parametrize("allowed", [14, 36, 256, 1024, 8192, 20_000, 10**6])
def test_no_owner_gets_what_another_one_needs(endpoints: int, allowed: int) -> None:
    """All parts together are within the limit, and each has something."""
    settings = with_endpoints(endpoints)
    shared = shared_out(settings, allowed)
    reserved = min(RESERVED, allowed // 2)
    assert reserved + shared.probes + shared.callers <= allowed
    assert 1 <= shared.callers <= settings.api.limits.connections
    assert 0 <= shared.kept <= shared.probes
    total = sum(1 for _ in settings.endpoints())
    assert shared.missing == max(0, shared.wanted - allowed)
    if not shared.missing:
        assert shared.kept >= total
        assert shared.callers == settings.api.limits.connections


def test_too_few_are_said_with_what_is_needed_what_is_there_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A warning while each endpoint has one, else an error; nothing when there are enough."""
    limits = [256, 256]
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.__setitem__(0, new[0]))
    with logged() as lines:
        shared = claim(with_endpoints(600))
        limits[:] = [256, 2048]
        claim(with_endpoints(600))
        assert limits[0] == 2048
        limits[:] = [256, 10**6]
        assert not claim(with_endpoints(600)).missing
    assert [line["log_level"] for line in lines] == ["error", "warning"]
    assert f"{shared.wanted} open files are needed" in lines[0]["why"]
    assert "the hard limit is 256" in lines[0]["why"]
    assert "LimitNOFILE" in lines[0]["hint"]
    assert limits[0] == shared.wanted


@pytest.mark.parametrize(
    ("probe", "keep_alive", "needs"),
    [
        ("http://shop.example/", True, 9),
        ("http://shop.example/", False, 2),
        ("http://192.0.2.1/", True, 2),
        ("http://[2001:db8::1]/", True, 2),
    ],
)
def test_each_address_of_a_name_may_keep_a_connection(
    probe: str, keep_alive: bool, needs: int
) -> None:
    """Eight at most, and one waits for a late answer."""
    service = SETTINGS.services["shop"]
    name, region = next(iter(service.regions.items()))
    more = {"more": Endpoint(probe=probe, keep_alive=keep_alive)}
    changed = region.model_copy(update={"endpoints": {**region.endpoints, **more}})
    regions = {**service.regions, name: changed}
    services = {**SETTINGS.services, "shop": service.model_copy(update={"regions": regions})}
    settings = SETTINGS.model_copy(update={"services": services})
    assert shared_out(settings, 0).wanted - shared_out(SETTINGS, 0).wanted == needs


SHORT = """
import asyncio, json, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from controller.adapters.probing.prober import NetworkProber
from controller.adapters.probing.socket_budget import SocketLimits
from controller.model.configuration import Endpoint

class Listener:
    def __init__(self):
        self.result = asyncio.get_running_loop().create_future()
    def on_result(self, result):
        self.result.set_result(result)
    def on_late_result(self, result): pass
    def on_disconnect(self): pass

async def main():
    async def answer(reader, writer):
        try:
            while await reader.readuntil(b"\\r\\n\\r\\n"):
                writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
        except asyncio.IncompleteReadError:
            writer.close()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    outcomes = []
    async with NetworkProber() as prober:
        # Each connection takes two here: the server is in this process, too.
        reference = "http://127.0.0.1:%d/ref" % port
        prober.limit_sockets(SocketLimits(most=12, kept=8, exempt=(reference,)))
        for path in [f"{n}" for n in range(40)]:
            listener = Listener()
            probe = "http://127.0.0.1:%d/%s" % (port, path)
            prober.target(Endpoint(probe=probe, keep_alive=True), listener).start_probe(5, 5)
            outcomes.append((await listener.result).outcome.value)
        kept = prober._shared.reactor.open_sockets
        hanging = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
        slow = "http://127.0.0.1:%d/" % hanging.sockets[0].getsockname()[1]
        targets = []
        for _ in range(4):
            targets.append(prober.target(Endpoint(probe=slow), Listener()))
            targets[-1].start_probe(30, 30)
        late, patient = Listener(), Listener()
        prober.target(Endpoint(probe=slow), late).start_probe(0.05, 0.05)
        refused = (await late.result).detail
        prober.target(Endpoint(probe=probe), patient).start_probe(20, 20)
        targets[0].close()
        waited = (await patient.result).outcome.value
        listener = Listener()
        prober.target(Endpoint(probe=reference), listener).start_probe(5, 5)
        reference = (await listener.result).outcome.value
    print(json.dumps({"outcomes": sorted(set(outcomes)), "kept": kept, "refused": refused,
                      "waited": waited, "reference": reference}))

asyncio.run(main())
"""


def test_kept_connections_leave_descriptors_to_all_others() -> None:
    """With 64 descriptors: 40 endpoints want to keep theirs, 8 may; all are probed all the same.

    Beyond the limit of probes one waits its turn, which is no part of its timeout; one that waits
    too long could not run, and says so. A reference target always may.
    """
    ended = subprocess.run([sys.executable, "-c", SHORT], capture_output=True, timeout=30)
    found: dict[str, Any] = json.loads((ended.stdout or ended.stderr).splitlines()[-1])
    assert found == {
        "outcomes": ["passed"],
        "kept": 8,
        "refused": "no file descriptor left for probes in this process",
        "waited": "passed",
        "reference": "passed",
    }
