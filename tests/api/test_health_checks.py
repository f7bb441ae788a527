"""Health checks: live while cycles end; ready once one has ended and the state file answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.model.aws_calls import AwsDenial
from tests.api.serving import api
from tests.loops.hanging import hanging


async def test_with_running_cycles_it_is_live_and_ready() -> None:
    """`ok`, and with `verbose` every check."""
    async with api() as served:
        plain = [await served.get(path) for path in ("/livez", "/readyz")]
        verbose = await served.get("/readyz?verbose")

    assert [(a.status, a.text) for a in plain] == [(200, "ok\n"), (200, "ok\n")]
    assert verbose.text.startswith("ok first_cycle: cycle ")
    assert verbose.text.endswith("\nok state: answers\n")


async def test_before_the_first_cycle_it_is_live_but_not_ready() -> None:
    """A start needs no restart; the failed check is shown without `verbose`."""
    async with api(running=False) as served:
        alive, ready = await served.get("/livez"), await served.get("/readyz")

    assert alive.status == 200
    assert ready.status == 503
    assert "FAILED first_cycle: no cycle has ended yet\n" in ready.text


async def test_a_failing_store_makes_it_not_ready_but_it_stays_live() -> None:
    """A restart would not repair a disk."""
    async with api() as served:
        served.world.store.unavailable = True
        alive, ready = await served.get("/livez"), await served.get("/readyz")

    assert (alive.status, ready.status) == (200, 503)
    assert "FAILED state: the fake was told to be unavailable\n" in ready.text


async def test_neither_depends_on_aws_or_on_any_region() -> None:
    """All of AWS and all regions fail, and the daemon is live and ready."""
    async with api() as served:
        served.world.records.trouble.unavailable = True
        served.world.accelerators.trouble.unavailable = True
        for region in ("eu-west-1", "eu-central-1", "us-east-1"):
            served.world.kill(region)
        await served.until(lambda: not served.calm())
        answers = [await served.get(path) for path in ("/livez", "/readyz")]

    assert [answer.status for answer in answers] == [200, 200]


async def test_that_aws_refuses_the_daemon_is_a_note_and_in_the_status() -> None:
    """Ready all the same: a restart would change nothing, and the plain answer stays `ok`."""
    async with api() as served:
        since = served.world.clock.monotonic() - 40
        why = "ExpiredToken: expired"
        served.world.aws_denials = (AwsDenial("route53", "GetChange", why, since),)
        ready, verbose = await served.get("/readyz"), await served.get("/readyz?verbose")
        status = await served.get("/v1/status")

    assert (ready.status, ready.text) == (200, "ok\n")
    assert verbose.status == 200
    assert verbose.text.endswith(
        "\nnote aws: route53 GetChange refused for 40 s: ExpiredToken: expired\n"
    )
    [denied] = status.body["aws_denied"]
    # The status waits up to a second while verdicts are settling (`loops.steering_first`).
    assert 40.0 <= denied.pop("for_s") <= 41.5
    assert denied == {"service": "route53", "operation": "GetChange", "why": why}


@pytest.mark.parametrize(("silent_s", "status"), [(29.0, 200), (31.0, 503)])
async def test_it_is_not_live_when_cycles_stopped(silent_s: float, status: int) -> None:
    """After three periods, at least 30 s, a supervisor should restart it."""
    async with api() as served:
        latest = served.controller.reconciliation.latest
        assert latest is not None
        ended_at = served.world.clock.monotonic() - silent_s
        served.controller.reconciliation.latest = replace(latest, ended_at=ended_at)
        answer = await served.get("/livez")

    assert answer.status == status
    assert status == 200 or "s ago, 30 s allowed" in answer.text


async def test_until_earlier_orders_are_read_it_is_not_ready_and_the_status_says_why() -> None:
    """A store that hangs at the start: live, answering, and moving nothing."""
    async with api() as served:
        served.controller.overrides.loaded = False
        ready, status = await served.get("/readyz"), await served.get("/v1/status")
        alive = await served.get("/livez")

    why = "the state file with earlier orders has not been read yet; nothing is moved"
    assert (ready.status, alive.status) == (503, 200)
    assert f"FAILED state: {why}" in ready.text
    assert status.body["state_error"] == why


async def test_the_status_does_not_wait_for_a_store_that_hangs() -> None:
    """The status says that it hangs."""
    async with api() as served:
        with hanging(served.world.store, "records"):
            status = await served.get("/v1/status")

    assert status.body["state_error"] == "no answer from the state file within 1 s"
    assert status.body["last_decision"] is None
