"""Fetches what settings only refer to: secrets, and the files with certificate authorities.

Settings themselves never hold a secret, so they can be shown, compared and recorded; what is
fetched here is handed to whoever sends it, and its representation does not show it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.model.configuration import Settings
from controller.settings.file_positions import KeyPath, RuleFinding

_LARGEST_BYTES = 1024 * 1024
"""A file beyond it is no secret and no list of authorities."""


@dataclass(frozen=True, slots=True)
class References:
    """What references stood for when they were fetched."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """`env:NAME` or `file:/path` to the secret."""
    authorities: Mapping[str, str] = field(default_factory=dict, repr=False)
    """`ca_file` to its text."""


NO_REFERENCES = References()
"""What settings without references stand for."""


class _MissingError(Exception):
    """Why a reference stands for nothing one can use."""


def resolve(
    settings: Settings, environment: Mapping[str, str]
) -> tuple[References, tuple[RuleFinding, ...]]:
    """Everything the settings refer to, and what of it cannot be had."""
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
    kind, _, place = reference.partition(":")
    if kind == "env":
        if place not in environment:
            raise _MissingError(f"the environment has no variable {place}")
        secret = environment[place]
    else:
        secret = _text(place).removesuffix("\n").removesuffix("\r")
    if not secret:
        raise _MissingError(f"{reference} is empty")
    if not (secret.isascii() and secret.isprintable()):
        raise _MissingError(
            f"{reference} holds more than one line of printable ASCII; a header can carry no more"
        )
    return secret


def _authorities(path: str) -> str:
    text = _text(path)
    nothing = _MissingError(f"{path} holds no certificates in PEM form")
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise nothing
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise nothing from error
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
