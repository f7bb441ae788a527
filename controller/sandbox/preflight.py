"""Checks before the sandbox starts that every address it needs is available.

Child processes would find out one after another, in their logs. Linux has all addresses of
127.0.0.0/8; macOS has 127.0.0.1 only, until each further address is added to `lo0`.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controller.model.configuration import Settings
from controller.sandbox.emulator.geography import COUNTRIES
from controller.sandbox.errors import SandboxError
from controller.sandbox.world.population import source_of
from controller.sandbox.world.regions import addresses


@dataclass(frozen=True, slots=True)
class RequiredAddress:
    """An address that a part of the sandbox will listen on or connect from (port 0: any port)."""

    kind: socket.SocketKind
    host: str
    port: int
    used_by: str
    remedy: str = ""
    """What to do to choose another port."""


def check(needs: Sequence[RequiredAddress]) -> None:
    """Return if all are available. Otherwise raise SandboxError with each address and a remedy."""
    failures = {need: code for need in needs if (code := _bind_error(need))}
    absent = [need.host for need, code in failures.items() if code == errno.EADDRNOTAVAIL]
    if absent:
        raise SandboxError(_alias_advice(list(dict.fromkeys(absent))))
    if failures:
        raise SandboxError("\n".join(_refusal(need, code) for need, code in failures.items()))


def check_api_is_open(settings: Settings, config: str) -> None:
    """Raise SandboxError if the daemon's API requires a token: the sandbox's users have none."""
    if settings.api.tokens:
        raise SandboxError(
            "api.tokens is set, but the sandbox's users, status and stories call the daemon "
            f"without a token: leave api.tokens out of {config} and GTC__API__TOKENS unset"
        )


def required_addresses(settings: Settings, config: str) -> Iterator[RequiredAddress]:
    """The addresses of regions, reference targets, accelerators and users.

    `config` is the file that the user is told to edit.
    """
    remedy = f"change its port in {config}"
    for region, listen_addresses in addresses(settings).items():
        for item in listen_addresses:
            yield RequiredAddress(socket.SOCK_STREAM, item.host, item.port, region, remedy)
    accelerators = [s for s in settings.services.values() if s.levers.accelerator is not None]
    for number in range(2 * len(accelerators)):  # the emulator gives each two static addresses
        yield RequiredAddress(socket.SOCK_STREAM, f"127.0.99.{number + 1}", 0, "an accelerator")
    if accelerators:  # it locates users by their source address
        for country in COUNTRIES:
            yield RequiredAddress(socket.SOCK_STREAM, source_of(country), 0, f"users in {country}")


def _bind_error(need: RequiredAddress) -> int:
    """The errno of binding there, 0 on success."""
    family = socket.AF_INET6 if ":" in need.host else socket.AF_INET
    with socket.socket(family, need.kind) as probe:
        if need.kind is socket.SOCK_STREAM:
            # As servers do: an address with connections in TIME_WAIT is available.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((need.host, need.port))
        except OSError as error:
            return error.errno or errno.EIO
    return 0


def _refusal(need: RequiredAddress, code: int) -> str:
    if code == errno.EADDRINUSE:
        return (
            f"{need.host}:{need.port} ({need.used_by}) is in use, perhaps by a sandbox still "
            f"running; stop what listens there, or {need.remedy}"
        )
    why = errno.errorcode.get(code, str(code))
    return f"{need.host}:{need.port} ({need.used_by}) cannot be listened on: {why}"


def _alias_advice(hosts: Sequence[str]) -> str:
    lines = "\n".join(f"    sudo ifconfig lo0 alias {host} up" for host in hosts)
    return (
        "this machine lacks addresses the sandbox needs; macOS adds them with these commands "
        f"(until the next restart):\n{lines}"
    )
