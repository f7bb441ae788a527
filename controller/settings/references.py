"""Resolves references in settings: secrets, and files with certificate authorities.

Settings never hold a secret, so they can be shown, compared and recorded. Resolved secrets are
passed to the prober only, and `repr` does not show them.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.model.configuration import KeyPath, Settings
from controller.settings.file_positions import RuleFinding

_LARGEST_BYTES = 1024 * 1024
"""Limit of a file's size in bytes: no secret and no list of authorities is larger."""


@dataclass(frozen=True, slots=True)
class References:
    """Values of all references, as of one load."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Reference (`env:NAME` or `file:/path`) to the secret."""
    authorities: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Path (`ca_file`) to the file's text (PEM)."""


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
    """The PEM text of a file with at least one certificate. Raises _MissingError."""
    text = _text(path)
    no_certificates = _MissingError(f"{path} holds no certificates in PEM form")
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise no_certificates
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise no_certificates from error
    return text


def _text(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_LARGEST_BYTES + 1)
    except UnicodeDecodeError as error:
        raise _MissingError(f"{path} is not text") from error
    except OSError as error:
        raise _MissingError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(text) > _LARGEST_BYTES:
        raise _MissingError(f"{path} is larger than {_LARGEST_BYTES} bytes")
    return text
