"""Certificate verification of HTTPS endpoints, with pinning to make it cheap.

Every handshake is verified. Checking a certificate chain against some 140 authorities costs half as
much as the handshake itself. So a verifying context does it once and the certificate's SHA-256 is
pinned; later handshakes use a context without authorities and must show exactly the pinned
certificate. TLS itself proves that the server has its key: the handshake is signed with it. Another
certificate, a pin older than `PIN_LIFETIME_S`, and an expired certificate are verified again before
anything is sent. Revocation is not checked, as in browsers' and aiohttp's default contexts.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

PIN_LIFETIME_S = 600.0
"""Seconds after which a pinned certificate is verified again: an authority may have been removed,
an intermediate certificate may have expired."""
_MAX_PINS_PER_NAME = 16
"""Certificates pinned per server name; the oldest pin is dropped."""


class PinnedCertificate(NamedTuple):
    """A certificate that was verified."""

    ends_at: datetime
    """When the certificate expires."""
    good_until: float
    """When it must be verified again, monotonic seconds."""


class TlsTrust:
    """A set of trusted authorities, and the pinned certificates that they have signed."""

    def __init__(self, authorities: str | None = None) -> None:
        """`authorities`: the only trusted ones (PEM); None: those of the system."""
        self._verifying_context = ssl.create_default_context(cadata=authorities)
        self._verifying_context.set_alpn_protocols(["http/1.1"])
        self._unverified_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._unverified_context.check_hostname = False
        self._unverified_context.verify_mode = ssl.CERT_NONE
        self._unverified_context.set_alpn_protocols(["http/1.1"])
        self._pins: dict[str, dict[bytes, PinnedCertificate]] = {}

    def context(self, server_name: str, now: float) -> ssl.SSLContext:
        """The context of a handshake with this server: without authorities while a pin is good."""
        pins = self._pins.get(server_name)
        if pins and any(now < pin.good_until for pin in pins.values()):
            return self._unverified_context
        return self._verifying_context

    @property
    def verifying_context(self) -> ssl.SSLContext:
        """The context of a handshake whose certificate is not pinned."""
        return self._verifying_context

    def trusted_certificate(
        self, server_name: str, tls_socket: ssl.SSLSocket, now: float
    ) -> PinnedCertificate | None:
        """The server's certificate after a handshake; None: it must be verified again."""
        certificate = tls_socket.getpeercert(binary_form=True) or b""
        digest = hashlib.sha256(certificate).digest()
        if tls_socket.context is self._verifying_context:
            return self._pin(server_name, digest, tls_socket, now)
        pin = self._pins.get(server_name, {}).get(digest)
        return pin if pin is not None and now < pin.good_until else None

    def _pin(
        self, server_name: str, digest: bytes, tls_socket: ssl.SSLSocket, now: float
    ) -> PinnedCertificate:
        details = tls_socket.getpeercert() or {}
        ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(details["notAfter"])), UTC)
        left_s = (ends_at - datetime.now(UTC)).total_seconds()
        pin = PinnedCertificate(ends_at, now + min(PIN_LIFETIME_S, left_s))
        pins = self._pins.setdefault(server_name, {})
        pins[digest] = pin
        if len(pins) > _MAX_PINS_PER_NAME:
            del pins[next(iter(pins))]
        return pin


class CertificateAuthorities:
    """A TlsTrust for each `ca_file` of the settings, and one for the system's authorities."""

    def __init__(self, pem_files: Mapping[str, str]) -> None:
        """`pem_files`: path of a `ca_file` to its contents."""
        self._pem_files = pem_files
        self._trusts: dict[str | None, TlsTrust] = {}

    def with_files(self, pem_files: Mapping[str, str]) -> CertificateAuthorities:
        """A copy with these files; the system's authorities and their pins stay."""
        other = CertificateAuthorities(pem_files)
        other._trusts = {name: trust for name, trust in self._trusts.items() if name is None}
        return other

    def trust(self, ca_file: str | None) -> TlsTrust:
        """The trust of a file (None: of the system). Raises KeyError if the file was not read."""
        if ca_file not in self._trusts:
            self._trusts[ca_file] = TlsTrust(None if ca_file is None else self._pem_files[ca_file])
        return self._trusts[ca_file]
