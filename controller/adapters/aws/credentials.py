"""AWS credentials that are read again while the daemon runs.

The SDK reads static credentials (environment, shared file, a process without an expiry) once, and
refreshes temporary ones shortly before their end only. Keys that were rotated or revoked earlier
would be refused until a restart (AWS IAM User Guide, *Rotate access keys*). These credentials
are resolved anew by the SDK's whole standard chain: after a refusal, after `forget`, and on every
use while there are none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession, get_session
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, NoCredentialsError

from controller.adapters.aws.credential_process import credential_resolver

RESOLVE_DEADLINE_S = 30.0
"""How long the standard chain may take. A process that hangs is asked again no sooner."""
RENEW_GAP_S = 5.0
"""The least time between two resolutions after refusals: a missing right is refused every time."""

Resolve = Callable[[], Awaitable[AioCredentials | None]]

_signed_with: ContextVar[ReadOnlyCredentials | None] = ContextVar("signed_with", default=None)
"""What the current task's last request was signed with."""


class CredentialsUnavailableError(BotoCoreError):
    """The standard chain failed or hangs; its `__cause__` is the SDK's own error, if any."""

    fmt = "{problem}"


async def resolve_by_standard_chain() -> AioCredentials | None:
    """Credentials of a new session, which has cached nothing; None when there are none."""
    return await credential_resolver(get_session()).load_credentials()


class RenewableCredentials:
    """What the SDK's signer takes for credentials. Several calls share one resolution."""

    method = "renewable"

    def __init__(
        self,
        wait_s: float = 4.0,
        resolve: Resolve = resolve_by_standard_chain,
        now_s: Callable[[], float] = lambda: asyncio.get_running_loop().time(),
    ) -> None:
        """`wait_s`: how long a request waits for credentials; `now_s`: monotonic seconds."""
        self._wait_s = wait_s
        self._resolve = resolve
        self._now_s = now_s
        self._credentials: AioCredentials | None = None
        self._resolving: asyncio.Task[AioCredentials] | None = None
        self._renewed_at_s: float | None = None

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys to sign a request with; the signer calls it for each.

        Raises NoCredentialsError and CredentialsUnavailableError.
        """
        try:
            async with asyncio.timeout(self._wait_s):
                credentials = self._credentials or await self._resolved()
                frozen = await credentials.get_frozen_credentials()
        except (NoCredentialsError, CredentialsUnavailableError):
            raise
        except TimeoutError as error:
            problem = f"AWS credentials were not there within {self._wait_s:g} s"
            raise CredentialsUnavailableError(problem=problem) from error
        except Exception as error:  # whatever a token file, a process or the SDK raises
            raise _unavailable(error) from error
        _signed_with.set(frozen)
        return frozen

    async def renew(self) -> bool:
        """Whether there are other credentials than those that the task's last call was signed with.

        Resolves them anew, unless another call has just done so. Raises as
        `get_frozen_credentials`.
        """
        refused = _signed_with.get()
        if await self.get_frozen_credentials() != refused:
            return True
        now_s = self._now_s()
        if self._renewed_at_s is not None and now_s - self._renewed_at_s < RENEW_GAP_S:
            return False
        self._renewed_at_s = now_s
        self.forget()
        return await self.get_frozen_credentials() != refused

    def forget(self) -> None:
        """Let the next request resolve credentials anew."""
        self._credentials = None

    async def end(self) -> None:
        """Cancel a resolution that is under way."""
        if self._resolving is not None:
            self._resolving.cancel()
            await asyncio.wait([self._resolving])

    async def get_account_id(self) -> str | None:
        """The account's id, where the SDK knows it."""
        return (await self.get_frozen_credentials()).account_id

    def get_deferred_property(self, name: str) -> Callable[[], Awaitable[object]]:
        """A function that returns this property; the SDK's endpoint rules call it."""

        async def value() -> object:
            return getattr(await self.get_frozen_credentials(), name, None)

        return value

    async def _resolved(self) -> AioCredentials:
        """The outcome of the resolution under way, or of a new one; it outlives its callers."""
        if self._resolving is None:
            self._resolving = asyncio.create_task(self._resolve_once(), name="aws_credentials")
            self._resolving.add_done_callback(self._resolution_ended)
        return await asyncio.shield(self._resolving)

    async def _resolve_once(self) -> AioCredentials:
        async with asyncio.timeout(RESOLVE_DEADLINE_S):
            found = await self._resolve()
        if found is None:
            raise NoCredentialsError
        self._credentials = found
        return found

    def _resolution_ended(self, task: asyncio.Task[AioCredentials]) -> None:
        self._resolving = None
        if not task.cancelled():
            task.exception()  # its callers were told; without any, the next request asks again


def _unavailable(error: Exception) -> CredentialsUnavailableError:
    kind = "" if isinstance(error, BotoCoreError) else f"{type(error).__name__}: "
    return CredentialsUnavailableError(problem=f"no usable AWS credentials: {kind}{error}")


class _CredentialChain:
    """The session's component that hands out credentials: always the same."""

    def __init__(self, credentials: RenewableCredentials) -> None:
        self._credentials = credentials

    async def load_credentials(self) -> RenewableCredentials:
        """The credentials for a new client."""
        return self._credentials


def session_with(credentials: RenewableCredentials) -> AioSession:
    """A session whose clients sign with these credentials."""
    session = get_session()
    session.register_component("credential_provider", _CredentialChain(credentials))
    return session
