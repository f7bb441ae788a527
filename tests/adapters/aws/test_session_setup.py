"""What is wrong with the SDK's surroundings: told in one line, before any request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from botocore.loaders import Loader

from controller.adapters.aws.session import AwsSetupError, aws_clients

EMULATOR = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but a key pair and the emulator's address; nothing is ever dialled."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", EMULATOR)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


def _set(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)


async def opened(*, emulated_only: bool = False) -> set[str]:
    """Open the clients and close them; the addresses that they would ask."""
    async with aws_clients(deadline_s=3, emulated_only=emulated_only) as clients:
        return {one.meta.endpoint_url for one in (clients.route53, clients.global_accelerator)}


_INCURABLE: dict[str, tuple[Callable[[Path], dict[str, str | None]], str]] = {
    "an absent profile": (lambda _: {"AWS_PROFILE": "nosuch"}, "nosuch"),
    "a file that cannot be parsed": (
        lambda path: {"AWS_CONFIG_FILE": _file(path, "[default\nregion")},
        "config",
    ),
    "an address without scheme": (
        lambda _: {"AWS_ENDPOINT_URL": "127.0.0.1:4566"},
        "127.0.0.1:4566",
    ),
    "an absent section": (
        lambda path: {
            "AWS_CONFIG_FILE": _file(
                path, "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = nosuch\n"
            ),
            "AWS_ACCESS_KEY_ID": None,
            "AWS_SECRET_ACCESS_KEY": None,
        },
        "nosuch",
    ),
    "a mode of retries that does not exist": (
        lambda _: {"AWS_DEFAULTS_MODE": "nosuch"},
        "nosuch",
    ),
    "a bundle of certificates that is absent": (
        lambda _: {"AWS_CA_BUNDLE": "/nonexistent.pem", "AWS_ENDPOINT_URL": "https://127.0.0.1:1"},
        "No such file",
    ),
}


def _file(folder: Path, text: str) -> str:
    file = folder / "config"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize(("surroundings", "word"), _INCURABLE.values(), ids=_INCURABLE.keys())
async def test_what_no_waiting_cures_ends_the_start(
    surroundings: Callable[[Path], dict[str, str | None]],
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one line that names the value."""
    _set(monkeypatch, surroundings(tmp_path))
    with pytest.raises(AwsSetupError) as error:
        await opened()

    assert word in str(error.value)
    assert "\n" not in str(error.value)


_CURABLE: dict[str, str] = {
    "no credentials at all": "[default]\n",
    "an absent token file": (
        "[default]\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /nonexistent\n"
    ),
    "a program that is absent": "[default]\ncredential_process = /nonexistent/helper\n",
    "a program that hangs": "[default]\ncredential_process = sleep 60\n",
    "half a key pair": "[default]\naws_access_key_id = A\n",
}


@pytest.mark.parametrize("text", _CURABLE.values(), ids=_CURABLE.keys())
async def test_what_may_come_yet_does_not_hinder_the_start(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probing, the API and everything else work; calls of AWS are tried again."""
    _set(
        monkeypatch,
        {
            "AWS_CONFIG_FILE": _file(tmp_path, text),
            "AWS_ACCESS_KEY_ID": None,
            "AWS_SECRET_ACCESS_KEY": None,
        },
    )
    assert await opened() == {EMULATOR}


_REAL: dict[str, Callable[[Path], dict[str, str | None]]] = {
    "no address": lambda _: {"AWS_ENDPOINT_URL": None},
    "addresses are ignored": lambda _: {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    "addresses are ignored by the file": lambda path: {
        "AWS_CONFIG_FILE": _file(path, "[default]\nignore_configured_endpoint_urls = true\n"),
    },
    "one of Route 53 alone": lambda _: {
        "AWS_ENDPOINT_URL_ROUTE_53": "https://route53.amazonaws.com"
    },
    "one of Global Accelerator alone": lambda _: {
        "AWS_ENDPOINT_URL_GLOBAL_ACCELERATOR": "https://globalaccelerator.us-west-2.api.aws"
    },
    "one in the profile": lambda path: {
        "AWS_ENDPOINT_URL": None,
        "AWS_CONFIG_FILE": _file(
            path, "[default]\nendpoint_url = https://vpce-1.route53.vpce.amazonaws.com\n"
        ),
    },
    "an address in capitals and with a final dot": lambda _: {
        "AWS_ENDPOINT_URL": "https://Route53.AMAZONAWS.com./"
    },
}


@pytest.mark.parametrize("surroundings", _REAL.values(), ids=_REAL.keys())
async def test_a_sandbox_never_calls_a_real_aws(
    surroundings: Callable[[Path], dict[str, str | None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Looked at is the address that each client resolved, wherever it came from."""
    _set(monkeypatch, surroundings(tmp_path))
    with pytest.raises(AwsSetupError) as error:
        await opened(emulated_only=True)

    for part in ("aws.require_endpoint_url", "AWS_ENDPOINT_URL", "http://127.0.0.1:4566"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    "partition", [p["id"] for p in Loader().load_data("partitions")["partitions"]]
)
async def test_no_partition_of_aws_is_taken_for_an_emulator(
    partition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """China, the European Sovereign Cloud and the others have domains of their own."""
    found = Loader().load_data("partitions")["partitions"]
    outputs = next(p["outputs"] for p in found if p["id"] == partition)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://route53.{outputs['dnsSuffix']}")
    with pytest.raises(AwsSetupError, match="a real AWS"):
        await opened(emulated_only=True)


@pytest.mark.parametrize("url", [EMULATOR, "http://localstack:4566", "https://aws.example.com"])
async def test_any_other_address_is_an_emulator(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine, in a container beside it, in a test network."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert await opened(emulated_only=True) == {url}
