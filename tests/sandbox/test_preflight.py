"""Unavailable addresses are named before anything starts."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from controller.sandbox import preflight
from controller.sandbox.errors import SandboxError
from controller.sandbox.preflight import RequiredAddress, check, required_addresses
from tests.sandbox.worlds import region, service, settings

HOST = "127.0.75.1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that a socket listens on."""
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_free_addresses_pass() -> None:
    """They are available afterwards as well."""
    needs = [
        RequiredAddress(kind, HOST, 0, "x") for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    ]
    check(needs)


def test_a_port_in_use_is_named_with_the_way_to_change_it(taken: int) -> None:
    """The message has every one that is in use, not only the first."""
    needs = [
        RequiredAddress(socket.SOCK_STREAM, HOST, taken, "the emulated AWS", "give --aws-port"),
        RequiredAddress(socket.SOCK_STREAM, HOST, taken, "sandbox control", "give --control-port"),
        RequiredAddress(socket.SOCK_STREAM, HOST, 0, "free", "x"),
    ]
    with pytest.raises(SandboxError) as caught:
        check(needs)
    first, second = str(caught.value).splitlines()
    assert first == (
        f"{HOST}:{taken} (the emulated AWS) is in use, perhaps by a sandbox still running; "
        "stop what listens there, or give --aws-port"
    )
    assert second.endswith("or give --control-port")


def test_missing_loopback_addresses_come_with_the_commands_that_add_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """macOS has only 127.0.0.1 at first."""
    monkeypatch.setattr(preflight, "_bind_error", lambda need: errno.EADDRNOTAVAIL)
    needs = [RequiredAddress(socket.SOCK_STREAM, f"127.0.10.{n}", 80, "x") for n in (1, 1, 2)]
    with pytest.raises(SandboxError) as caught:
        check(needs)
    assert str(caught.value).splitlines()[1:] == [
        "    sudo ifconfig lo0 alias 127.0.10.1 up",
        "    sudo ifconfig lo0 alias 127.0.10.2 up",
    ]


def test_an_address_of_another_machine_is_not_available() -> None:
    """The real error of the system is recognised."""
    with pytest.raises(SandboxError, match=r"alias 192\.0\.2\.1 up"):
        check([RequiredAddress(socket.SOCK_STREAM, "192.0.2.1", 0, "x")])


def test_settings_need_regions_reference_targets_accelerators_and_users() -> None:
    """All loopback addresses of the sandbox are checked, so that one message has all aliases."""
    tcp = {"eu-west-1": region("tcp://127.0.71.1:9000")}
    configuration = settings({"api": service(tcp, accelerated=True)}, ("http://127.0.79.1:8080/",))
    needs = list(required_addresses(configuration, "my.yaml"))
    listening = {(need.host, need.port, need.remedy) for need in needs if need.port}
    remedy = "change its port in my.yaml"
    assert listening == {("127.0.71.1", 9000, remedy), ("127.0.79.1", 8080, remedy)}
    others = {need.host for need in needs if not need.port}
    assert {"127.0.99.1", "127.0.99.2"} < others
    assert len([host for host in others if host.startswith("127.20.")]) > 20
