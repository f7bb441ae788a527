"""`gtc sandbox fault …` against an emulated AWS."""

from __future__ import annotations

import asyncio
import socket

import pytest
from click.testing import CliRunner, Result

from controller.cli import exit_codes
from controller.cli.sandbox.commands import sandbox
from controller.sandbox.emulator.faults.kinds import KINDS
from controller.sandbox.emulator.server import EmulatedAws, ServerOptions, running
from tests.sandbox.emulator.builders import ZONE_ID, change, submit, weighted

FREE_PORTS = ServerOptions(http_port=0, control_port=0, dns_port=0)


async def call(monkeypatch: pytest.MonkeyPatch, aws: EmulatedAws, *arguments: str) -> Result:
    """The command line's answer, while the emulator runs in this thread."""
    monkeypatch.setenv("GTC_SANDBOX_AWS_URL", aws.control_url)
    return await asyncio.to_thread(CliRunner().invoke, sandbox, ["fault", *arguments])


async def test_a_fault_is_begun_listed_and_ended_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer shows what is in force now."""
    async with running(FREE_PORTS) as aws:
        begun = await call(monkeypatch, aws, "throttle", "--times", "20", "--operation", "List.*")
        await call(monkeypatch, aws, "gone", "--for", "30s", "--service", "route53")
        listed = await call(monkeypatch, aws, "list")
        cleared = await call(monkeypatch, aws, "clear", "throttle")
        ended = await call(monkeypatch, aws, "clear")

    assert begun.output.splitlines() == [
        "FAULT     STRUCK  ENDS IN   WHERE",
        "throttle  0       20 calls  operation List.*",
    ]
    assert "gone" in listed.output
    assert "service route53" in listed.output
    assert "throttle" not in cleared.output
    assert ended.output == "no fault is in force\n"
    assert ended.exit_code == exit_codes.OK


async def test_a_hands_work_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to be ended, and it is said so."""
    async with running(FREE_PORTS) as aws:
        aws.zones.create_hosted_zone({"Name": "example.com.", "CallerReference": f"id:{ZONE_ID}"})
        submit(aws.zones, change("CREATE", weighted("a.example.com.", "eu-west-1", 64)))
        result = await call(monkeypatch, aws, "hand-edit", "--weight", "7")

    assert result.output == "hand-edit: done\n"


def test_a_misspelt_fault_gets_the_nearest_one_suggested() -> None:
    """Commands of faults are created when they are used."""
    result = CliRunner().invoke(sandbox, ["fault", "thrtle"])

    assert result.exit_code == exit_codes.USAGE
    assert "Did you mean 'throttle'?" in result.output


async def test_a_mistake_is_answered_with_what_is_possible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the command line, or by the emulator; exit code 2 in both cases."""
    async with running(FREE_PORTS) as aws:
        unknown = await call(monkeypatch, aws, "clear", "trottle")
        option = await call(monkeypatch, aws, "gone", "--times", "3")
        missing = await call(monkeypatch, aws, "hand-edit")

    assert "no fault is called 'trottle'\nDid you mean throttle? Valid: throttle," in unknown.output
    assert "No such option" in option.output
    assert "Missing option '--weight'" in missing.output
    assert {result.exit_code for result in (unknown, option, missing)} == {exit_codes.USAGE}


def test_help_lists_every_fault() -> None:
    """One line for each."""
    output = CliRunner().invoke(sandbox, ["fault", "--help"]).output
    assert all(f"\n  {name} " in output for name in ("list", "clear", *KINDS))


def test_without_a_sandbox_it_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 5, and the variable that sets its address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("GTC_SANDBOX_AWS_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        result = CliRunner().invoke(sandbox, ["fault", "list"])
    assert "GTC_SANDBOX_AWS_URL" in result.output
    assert result.exit_code == exit_codes.UNREACHABLE
