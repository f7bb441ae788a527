"""Credentials that are resolved anew: when, by whom, and what failures are called."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiobotocore.credentials import AioCredentials
from aiohttp import web
from botocore.exceptions import NoCredentialsError

from controller.adapters.aws.credentials import (
    RENEW_GAP_S,
    CredentialsUnavailableError,
    RenewableCredentials,
)

pytestmark = pytest.mark.looptime


class _Chain:
    """A chain whose answers are written by the test; an exception among them is raised."""

    def __init__(self, *answers: str | Exception | None) -> None:
        self.answers = deque(answers)
        self.asked = 0
        self.takes_s = 0.0

    async def __call__(self) -> AioCredentials | None:
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return None if answer is None else AioCredentials(answer, "secret")


def renewable(chain: _Chain, wait_s: float = 4.0) -> RenewableCredentials:
    """Credentials of this chain."""
    return RenewableCredentials(wait_s, chain)


async def test_they_are_resolved_once() -> None:
    """For any number of requests, at once or one after the other."""
    chain = _Chain("A")
    chain.takes_s = 0.5
    credentials = renewable(chain)
    keys = await asyncio.gather(*[credentials.get_frozen_credentials() for _ in range(5)])
    keys.append(await credentials.get_frozen_credentials())

    assert {key.access_key for key in keys} == {"A"}
    assert chain.asked == 1


async def test_after_forget_they_are_resolved_anew() -> None:
    """A reload asks for it."""
    credentials = renewable(_Chain("A", "B"))
    await credentials.get_frozen_credentials()
    credentials.forget()

    assert (await credentials.get_frozen_credentials()).access_key == "B"


async def test_refused_ones_are_renewed_once_for_all_refused_calls() -> None:
    """Each call learns that there are others now; the chain is asked once more."""
    chain = _Chain("A", "B")
    credentials = renewable(chain)

    async def refused_call() -> bool:
        await credentials.get_frozen_credentials()
        await asyncio.sleep(0.1)
        return await credentials.renew()

    assert await asyncio.gather(*[refused_call() for _ in range(4)]) == [True] * 4
    assert chain.asked == 2


async def test_the_same_credentials_again_are_no_renewal() -> None:
    """And a refusal that stays, such as a missing right, asks the chain at most every 5 s."""
    chain = _Chain("A")
    credentials = renewable(chain)
    for _ in range(10):
        await credentials.get_frozen_credentials()
        assert not await credentials.renew()
    assert chain.asked == 2

    await asyncio.sleep(RENEW_GAP_S)
    assert not await credentials.renew()
    assert chain.asked == 3


@pytest.mark.parametrize(
    ("answer", "raised", "words"),
    [
        (None, NoCredentialsError, "Unable to locate credentials"),
        (FileNotFoundError(2, "No such file", "/x"), CredentialsUnavailableError, "'/x'"),
        (ValueError("odd json"), CredentialsUnavailableError, "ValueError: odd json"),
    ],
)
async def test_a_chain_that_fails_is_asked_again_by_the_next_request(
    answer: Exception | None, raised: type[Exception], words: str
) -> None:
    """Credentials may come yet; the error is one of the SDK's, in one line."""
    credentials = renewable(_Chain(answer, "A"))
    with pytest.raises(raised) as error:
        await credentials.get_frozen_credentials()

    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert (await credentials.get_frozen_credentials()).access_key == "A"


async def test_a_chain_that_hangs_costs_its_wait_and_is_not_asked_twice() -> None:
    """A helper program would be started again and again; it is late, and then it is taken."""
    chain = _Chain("A")
    chain.takes_s = 10
    credentials = renewable(chain, wait_s=4)
    for _ in range(2):
        with pytest.raises(CredentialsUnavailableError, match="were not there within 4 s"):
            await credentials.get_frozen_credentials()

    assert (await credentials.get_frozen_credentials()).access_key == "A"
    assert chain.asked == 1


async def test_a_chain_that_hangs_for_good_is_given_up_and_asked_again() -> None:
    """After half a minute."""
    chain = _Chain("A")
    chain.takes_s = 1e6
    credentials = renewable(chain)
    with pytest.raises(CredentialsUnavailableError):
        await credentials.get_frozen_credentials()
    await asyncio.sleep(30)
    chain.takes_s = 0

    assert (await credentials.get_frozen_credentials()).access_key == "A"
    await credentials.end()


async def test_the_end_cancels_a_resolution() -> None:
    """No task is left."""
    chain = _Chain("A")
    chain.takes_s = 1e6
    credentials = renewable(chain)
    with pytest.raises(CredentialsUnavailableError):
        await credentials.get_frozen_credentials()
    await credentials.end()

    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"aws_credentials"})


Rotate = Callable[[str], None]


def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rotate:
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    return lambda key: _write(
        file, f"[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n"
    )


def _process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rotate:
    answer, config = tmp_path / "answer.json", tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = cat {answer}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return lambda key: _write(
        answer, json.dumps({"Version": 1, "AccessKeyId": key, "SecretAccessKey": "s"})
    )


def _write(file: Path, text: str) -> None:
    file.write_text(text)


@pytest.fixture
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.mark.looptime(False)
@pytest.mark.usefixtures("_no_credentials")
@pytest.mark.parametrize("source", [_file, _process])
async def test_the_sdks_own_chain_reads_every_source_anew(
    source: Callable[[Path, pytest.MonkeyPatch], Rotate],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session would keep what it read first."""
    rotate = source(tmp_path, monkeypatch)
    credentials = RenewableCredentials()
    rotate("OLD")
    assert (await credentials.get_frozen_credentials()).access_key == "OLD"
    rotate("NEW")

    assert await credentials.renew()
    assert (await credentials.get_frozen_credentials()).access_key == "NEW"


@asynccontextmanager
async def _container_credentials() -> AsyncIterator[tuple[str, Rotate]]:
    """The address of an ECS task's credentials, and how to rotate them."""
    key = ["OLD"]

    async def answer(_: web.BaseRequest) -> web.Response:
        known = {"SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
        return web.json_response({"AccessKeyId": key[0], **known})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/", lambda new: key.__setitem__(0, new)
    finally:
        await runner.cleanup()


@pytest.mark.looptime(False)
@pytest.mark.usefixtures("_no_credentials")
async def test_temporary_credentials_are_renewed_before_their_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They were revoked, though the SDK would keep them until 2099."""
    async with _container_credentials() as (url, rotate):
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
        credentials = RenewableCredentials()
        await credentials.get_frozen_credentials()
        rotate("NEW")

        assert await credentials.renew()
        assert (await credentials.get_frozen_credentials()).access_key == "NEW"


_BROKEN: dict[str, Callable[[Path], str]] = {
    "a program that is absent": lambda _: "credential_process = /nonexistent/helper",
    "a program that fails": lambda _: "credential_process = false",
    "a program that answers nonsense": lambda _: "credential_process = echo nonsense",
    "a token file that is absent": lambda path: (
        f"role_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = {path}/token"
    ),
    "a token file that is a folder": lambda path: (
        f"role_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = {path}"
    ),
    "a sign-in that is over": lambda _: (
        "sso_start_url = https://x\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = r"
    ),
}


@pytest.mark.looptime(False)
@pytest.mark.usefixtures("_no_credentials")
@pytest.mark.parametrize("lines", _BROKEN.values(), ids=_BROKEN.keys())
async def test_every_source_that_fails_gives_one_error_of_the_sdks_family(
    lines: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a provider raises, callers know it as a call that was never sent."""
    config = tmp_path / "config"
    config.write_text(f"[default]\n{lines(tmp_path)}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(CredentialsUnavailableError, match="no usable AWS credentials"):
        await RenewableCredentials().get_frozen_credentials()
