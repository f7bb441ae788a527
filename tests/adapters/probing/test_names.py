"""A host's name in its three roles: DNS, TLS and HTTP; and headers, whose names have no case."""

from __future__ import annotations

import pytest

from controller.adapters.probing.probe_request import address_of, request_of
from controller.model.configuration import Endpoint
from controller.settings import inspect
from tests.settings.minimal import with_replacements

PROBE = 'probe: "http://192.0.2.1/healthz"'


def roles(probe: str, host: str | None = None) -> tuple[str, str, str]:
    """What DNS is asked, TLS's server name, and the Host header."""
    endpoint = Endpoint(probe=probe, host=host)
    address = address_of(endpoint)
    lines = request_of(endpoint, {}).decode().split("\r\n")
    [header] = [line.removeprefix("Host: ") for line in lines if line.startswith("Host: ")]
    return address.host, address.server_name, header


@pytest.mark.parametrize(
    ("probe", "host", "expected"),
    [
        ("https://a.test/", None, ("a.test", "a.test", "a.test")),
        ("https://a.test./", None, ("a.test.", "a.test", "a.test")),
        ("https://A.Test/", None, ("a.test", "a.test", "a.test")),
        ("https://a.test.:8443/", None, ("a.test.", "a.test", "a.test:8443")),
        ("https://a.test/", "b.test.", ("a.test", "b.test", "b.test")),
        ("https://a.test/", "B.Test", ("a.test", "b.test", "b.test")),
        ("https://192.0.2.1/", "b.test", ("192.0.2.1", "b.test", "b.test")),
        ("https://[2001:db8::1]:8443/", None, ("2001:db8::1", "2001:db8::1", "[2001:db8::1]:8443")),
        (
            "https://straße.test/",
            None,
            ("xn--strae-oqa.test", "xn--strae-oqa.test", "xn--strae-oqa.test"),
        ),
        (
            "https://a.test/",
            "BÜCHER.test.",
            ("a.test", "xn--bcher-kva.test", "xn--bcher-kva.test"),
        ),
        ("https://_probe.a_b.test/", None, ("_probe.a_b.test",) * 3),
    ],
)
def test_each_role_gets_its_form(
    probe: str, host: str | None, expected: tuple[str, str, str]
) -> None:
    """A final dot is for DNS alone; other scripts are as browsers map them."""
    assert roles(probe, host) == expected


@pytest.mark.parametrize(
    ("probe", "reason"),
    [
        ("http://eu..x/", "eu..x has an empty part between two dots"),
        ("http://.a.test/", ".a.test has an empty part between two dots"),
        ("http://" + "a" * 64 + ".test/", "at most 63 characters, aaaaaaaaaaaa… has 64"),
        ("http://" + "a." * 127 + "test/", "a host name has at most 253 characters, this 258"),
        ("http://[fe80::1%25eth0]/", "an address has no zone such as %eth0"),
        ("http://a!b.test/", "letters, digits, - and _ only"),
        ("http://xn--\u00fc.test/", "is no host name"),
    ],
)
def test_a_name_that_can_never_be_asked_is_a_mistake_of_the_settings(
    probe: str, reason: str
) -> None:
    """Found by `gtc validate`, not by failing probes."""
    text = with_replacements((PROBE, f'probe: "{probe}"'))
    [problem] = inspect(text).problems
    assert reason in problem.message


def test_a_header_of_the_settings_replaces_ours_in_any_case() -> None:
    """Twice the same header would be two opinions of one thing."""
    endpoint = Endpoint(probe="http://a.test/", headers={"user-agent": "env:A", "X-Key": "env:K"})
    lines = request_of(endpoint, {"env:A": "mine", "env:K": "k"}).decode().split("\r\n")
    names = [line.partition(":")[0].lower() for line in lines[1:] if line]

    assert "user-agent: mine" in lines
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ("X-Key: env:A, x-key: env:B", "x-key and X-Key are one header: names of headers have"),
        ("transfer-encoding: env:A", "the Transfer-Encoding header is not set here"),
        ("CONNECTION: env:A", "the Connection header is not set here"),
        ("Content-Length: env:A", "the Content-Length header is not set here"),
    ],
)
def test_headers_that_cannot_be_sent_are_mistakes(headers: str, message: str) -> None:
    """Each at its key."""
    quoted = ", ".join(
        f'{name}: "{value}"' for name, value in (one.split(": ") for one in headers.split(", "))
    )
    text = with_replacements((PROBE, f"{PROBE}, headers: {{{quoted}}}"))
    [problem] = inspect(text).problems
    assert problem.message.startswith(message)
