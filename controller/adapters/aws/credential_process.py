"""Programs that print AWS credentials (`credential_process`), ended when nobody waits for them.

The SDK leaves such a program running when its caller is cancelled, so one that hangs would be
started again and again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from aiobotocore.credentials import (
    AioCredentialResolver,
    AioProcessProvider,
    create_credential_resolver,
)
from aiobotocore.session import AioSession


class HelperProgram:
    """A running program with its own process group; what the SDK uses of a `Process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def returncode(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """Its standard output and error once it ended. Cancelled, it kills the program."""
        try:
            return await self._process.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):  # it ended just now
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.communicate()
            raise


async def start_program(*command: str, stdout: int, stderr: int) -> HelperProgram:
    """Start this command, as the SDK asks for it. Raises OSError."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=stdout, stderr=stderr, start_new_session=True
    )
    return HelperProgram(process)


def credential_resolver(session: AioSession) -> AioCredentialResolver:
    """The session's standard chain, but for programs, which end with whom they were started for."""
    resolver = create_credential_resolver(session)
    profile = session.get_config_variable("profile") or "default"
    programs = AioProcessProvider(profile, lambda: session.full_config, popen=start_program)
    resolver.insert_after(AioProcessProvider.METHOD, programs)
    resolver.remove(AioProcessProvider.METHOD)  # the first of two, which is the SDK's own
    return resolver
