"""Looks before the sandbox starts whether every address it needs can be had.

Children would find out themselves, but one after the other and in their logs. Linux answers on all
of 127.0.0.0/8; macOS on 127.0.0.1 only, until each further address is added to `lo0`.
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
class Need:
    """An address somebody will listen on or connect from (port 0: any)."""

    kind: socket.SocketKind
    host: str
    port: int
    who: str
    remedy: str = ""
    """How to choose another port."""


def check(needs: Sequence[Need]) -> None:
    """Return when all can be had; SandboxError names every one that cannot, and what to do."""
    failures = {need: code for need in needs if (code := _bind_error(need))}
    absent = [need.host for need, code in failures.items() if code == errno.EADDRNOTAVAIL]
    if absent:
        raise SandboxError(_alias_advice(list(dict.fromkeys(absent))))
    if failures:
        raise SandboxError("\n".join(_refusal(need, code) for need, code in failures.items()))


def check_open(settings: Settings, config: str) -> None:
    """Raise SandboxError unless everybody on this machine may call the daemon, as users do."""
    if settings.api.tokens:
        raise SandboxError(
            "api.tokens is set, but the sandbox's users, status and stories call the daemon "
            f"without a token: leave api.tokens out of {config} and GTC__API__TOKENS unset"
        )


def needs_of_settings(settings: Settings, config: str) -> Iterator[Need]:
    """What listeners, accelerators and users need; `config` names the file to edit."""
    remedy = f"change its port in {config}"
    for region, listens in addresses(settings).items():
        for item in listens:
            yield Need(socket.SOCK_STREAM, item.host, item.port, region, remedy)
    accelerators = [s for s in settings.services.values() if s.levers.accelerator is not None]
    for number in range(2 * len(accelerators)):  # the emulator gives each two static addresses
        yield Need(socket.SOCK_STREAM, f"127.0.99.{number + 1}", 0, "an accelerator")
    if accelerators:  # its users are told apart by the address they come from
        for country in COUNTRIES:
            yield Need(socket.SOCK_STREAM, source_of(country), 0, f"users in {country}")


def _bind_error(need: Need) -> int:
    """The errno of binding there, 0 when it went well."""
    family = socket.AF_INET6 if ":" in need.host else socket.AF_INET
    with socket.socket(family, need.kind) as probe:
        if need.kind is socket.SOCK_STREAM:
            # As servers do: an address whose old connections still linger can be had.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((need.host, need.port))
        except OSError as error:
            return error.errno or errno.EIO
    return 0


def _refusal(need: Need, code: int) -> str:
    if code == errno.EADDRINUSE:
        return (
            f"{need.host}:{need.port} ({need.who}) is in use, perhaps by a sandbox still running; "
            f"stop what listens there, or {need.remedy}"
        )
    why = errno.errorcode.get(code, str(code))
    return f"{need.host}:{need.port} ({need.who}) cannot be listened on: {why}"


def _alias_advice(hosts: Sequence[str]) -> str:
    lines = "\n".join(f"    sudo ifconfig lo0 alias {host} up" for host in hosts)
    return (
        "this machine lacks addresses the sandbox needs; macOS adds them with these commands "
        f"(until the next restart):\n{lines}"
    )
