"""Who an HTTPS endpoint must be, at the price of one verification in many.

Every handshake is verified. To build and check a certificate's chain against a store of some 140
authorities costs half as much again as the handshake itself, so it is done by a verifying context
once; the certificate's SHA-256 is then pinned, and handshakes on a bare context (without any store)
count only when they show exactly the pinned certificate. That they own its key, TLS itself proves:
the handshake is signed with it. Another certificate, a pin older than `VERIFIED_FOR_S`, and a
certificate that has ended are verified anew, before anything is sent.
Neither way asks for revocation, as browsers' and aiohttp's default contexts do not.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

VERIFIED_FOR_S = 600.0
"""Seconds after which a pinned certificate is verified anew: an authority may be gone from the
store, an intermediate certificate may have ended."""
_PINS_PER_NAME = 16
"""More servers than this behind one name hardly show different certificates."""


class PinnedCertificate(NamedTuple):
    """A certificate that was verified."""

    ends_at: datetime
    """When the certificate ends."""
    good_until: float
    """When it must be verified anew, monotonic seconds."""


class TlsTrust:
    """The authorities that some endpoints trust, and the certificates these vouched for."""

    def __init__(self, authorities: str | None = None) -> None:
        """`authorities`: trust these alone (PEM); None: those of the system."""
        self._verifying = ssl.create_default_context(cadata=authorities)
        self._verifying.set_alpn_protocols(["http/1.1"])
        self._bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._bare.check_hostname = False
        self._bare.verify_mode = ssl.CERT_NONE
        self._bare.set_alpn_protocols(["http/1.1"])
        self._pins: dict[str, dict[bytes, PinnedCertificate]] = {}

    def context(self, server_name: str, now: float) -> ssl.SSLContext:
        """For a handshake with this server: the bare one while some pin of it is good."""
        pins = self._pins.get(server_name)
        if pins and any(now < pin.good_until for pin in pins.values()):
            return self._bare
        return self._verifying

    @property
    def verifying(self) -> ssl.SSLContext:
        """For a handshake whose certificate nobody has verified yet."""
        return self._verifying

    def vouch(
        self, server_name: str, shaken: ssl.SSLSocket, now: float
    ) -> PinnedCertificate | None:
        """What vouches for the other side of a handshake; None: it must be verified anew."""
        certificate = shaken.getpeercert(binary_form=True) or b""
        digest = hashlib.sha256(certificate).digest()
        if shaken.context is self._verifying:
            return self._pin(server_name, digest, shaken, now)
        pin = self._pins.get(server_name, {}).get(digest)
        return pin if pin is not None and now < pin.good_until else None

    def _pin(
        self, server_name: str, digest: bytes, shaken: ssl.SSLSocket, now: float
    ) -> PinnedCertificate:
        details = shaken.getpeercert() or {}
        ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(details["notAfter"])), UTC)
        left_s = (ends_at - datetime.now(UTC)).total_seconds()
        pin = PinnedCertificate(ends_at, now + min(VERIFIED_FOR_S, left_s))
        pins = self._pins.setdefault(server_name, {})
        pins[digest] = pin
        if len(pins) > _PINS_PER_NAME:
            del pins[next(iter(pins))]
        return pin


class Authorities:
    """A Trust for each file of authorities in the settings, and one for the system's."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """`texts`: `ca_file` to its contents."""
        self._texts = texts
        self._made: dict[str | None, TlsTrust] = {}

    def replaced(self, texts: Mapping[str, str]) -> Authorities:
        """These texts instead; whom the system trusts, and has vouched for, stays."""
        other = Authorities(texts)
        other._made = {name: made for name, made in self._made.items() if name is None}
        return other

    def trust(self, ca_file: str | None) -> TlsTrust:
        """Made when first asked for. Raises KeyError for a file nobody has read."""
        if ca_file not in self._made:
            self._made[ca_file] = TlsTrust(None if ca_file is None else self._texts[ca_file])
        return self._made[ca_file]
