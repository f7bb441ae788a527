"""Rotated AWS credentials are taken up by themselves.

After Netflix/metaflow #486 and boto/boto3 #1073: long-lived clients kept the keys that they had
read first, and were refused until the program was started anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.steered import DEAD, Steered, steering, until

pytestmark = pytest.mark.looptime


def write_key(file: Path, key: str) -> None:
    """A shared credentials file with this key alone."""
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n")


def refused_services(steered: Steered) -> set[str]:
    """Services of AWS that refuse the daemon, by its metric."""
    names = ("route53", "globalaccelerator")
    return {name for name in names if steered.metric("gtc_aws_refused", service=name)}


async def test_a_rotated_key_is_taken_up_at_the_first_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS revokes the old key after the file has the new one: nobody notices."""
    async with steering() as steered:
        file = tmp_path / "credentials"
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        write_key(file, "AKIANEW")
        await steered.aws.faults.add("deny", accept="AKIANEW")
        steered.kill(DEAD)
        await until(steered.is_out, "the dead region is out", within_s=2)

        assert refused_services(steered) == set()
        assert await steered.outcomes() == ["applied"]


async def test_a_key_that_comes_late_is_taken_up_when_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Meanwhile status, metric and log say that AWS refuses the daemon; nothing was written."""
    async with steering() as steered:
        file = tmp_path / "credentials"
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        write_key(file, "AKIAOLD")
        await steered.aws.faults.add("deny", accept="AKIANEW")
        steered.kill(DEAD)
        await until(lambda: refused_services(steered) == {"route53"}, "it is said", within_s=12)
        assert steered.is_calm()
        denials = steered.controller.ports.aws_denials()
        assert any("InvalidClientTokenId" in denial.why for denial in denials)

        write_key(file, "AKIANEW")
        await until(steered.is_out, "the dead region is out", within_s=30)
        await until(lambda: not refused_services(steered), "it is over", within_s=30)
