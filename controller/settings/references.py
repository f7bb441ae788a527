"""Resolves references in settings: secrets, and files with certificate authorities.

Settings never hold a secret, so they can be shown, compared and recorded. Resolved secrets are
passed to the prober only, and `repr` does not show them.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.model.configuration import KeyPath, Settings
from controller.settings.file_positions import RuleFinding

_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]+"
    rb"-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
"""A certificate in PEM form, under any of OpenSSL's names for it (PEM_read_bio_X509(3))."""
_BASE64_ENDS = re.compile(rb"(-----(?:BEGIN|END) )(?:X509 |TRUSTED )?CERTIFICATE-----")
_LARGEST_BYTES = 1024 * 1024
"""Limit of a file's size in bytes: no secret and no list of authorities is larger."""


@dataclass(frozen=True, slots=True)
class References:
    """Values of all references, as of one load."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Reference (`env:NAME` or `file:/path`) to the secret."""
    authorities: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Path (`ca_file`) to the certificates in it (PEM, without comments)."""


NO_REFERENCES = References()
"""References of settings that have none."""


class _MissingError(Exception):
    """A reference cannot be resolved; the text is the reason."""


def resolve(
    settings: Settings, environment: Mapping[str, str]
) -> tuple[References, tuple[RuleFinding, ...]]:
    """Values of all references in the settings, and a finding for each that cannot be resolved."""
    secrets: dict[str, str] = {}
    authorities: dict[str, str] = {}
    missing: list[RuleFinding] = []
    for endpoint_id, endpoint in settings.endpoints():
        service, region, name = endpoint_id
        here: KeyPath = ("services", service, "regions", region, "endpoints", name)
        for header, reference in endpoint.headers.items():
            try:
                secrets[reference] = _secret(reference, environment)
            except _MissingError as error:
                missing.append(RuleFinding((*here, "headers", header), f"{header}: {error}"))
        if endpoint.ca_file is not None:
            try:
                authorities[endpoint.ca_file] = _authorities(endpoint.ca_file)
            except _MissingError as error:
                missing.append(RuleFinding((*here, "ca_file"), f"ca_file: {error}"))
    return References(secrets, authorities), tuple(missing)


def _secret(reference: str, environment: Mapping[str, str]) -> str:
    """One line of printable ASCII, as an HTTP header can carry. Raises _MissingError."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        if name not in environment:
            raise _MissingError(f"the environment has no variable {name}")
        secret = environment[name]
    else:
        secret = _text(name).removesuffix("\n").removesuffix("\r")
    if not secret:
        raise _MissingError(f"{reference} is empty")
    if not (secret.isascii() and secret.isprintable()):
        raise _MissingError(
            f"{reference} holds more than one line of printable ASCII; a header can carry no more"
        )
    return secret


def _authorities(path: str) -> str:
    """A file's certificates as PEM, of which there is at least one. Raises _MissingError.

    What stands between them, such as comments, is left out: it may have any encoding.
    """
    blocks = [
        _BASE64_ENDS.sub(rb"\1CERTIFICATE-----", b) for b in _CERTIFICATE.findall(_read(path))
    ]
    if not blocks:
        raise _MissingError(f"{path} holds no certificates in PEM form")
    for number, block in enumerate(blocks, 1):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=block.decode())
        except (ssl.SSLError, ValueError) as error:
            message = f"{path}: certificate {number} of {len(blocks)} cannot be read: {error}"
            raise _MissingError(message) from error
    return b"\n".join(blocks).decode()


def _text(path: str) -> str:
    try:
        return _read(path).decode()
    except UnicodeDecodeError as error:
        raise _MissingError(f"{path} is not text") from error


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise _MissingError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > _LARGEST_BYTES:
        raise _MissingError(f"{path} is larger than {_LARGEST_BYTES} bytes")
    return data
