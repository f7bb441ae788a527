"""Certificate verification of HTTPS endpoints, with pinning to make it cheap.

What is demanded of a chain is set here and not left to the interpreter, whose defaults differ
(since Python 3.13 `ssl.create_default_context` demands the form of RFC 5280): TLS 1.2 or newer, a
path to any trusted certificate, be it a root's, an intermediate's or the server's own; and with
`certificates: strict` that form. Revocation is not checked, as in browsers' and aiohttp's default
contexts.

Every handshake is verified. Checking a certificate chain against some 140 authorities costs half as
much as the handshake itself. So a verifying context does it once and the certificate's SHA-256 is
pinned; later handshakes use a context without authorities and must show exactly the pinned
certificate. TLS itself proves that the server has its key: the handshake is signed with it. Another
certificate, a pin older than `PIN_LIFETIME_S`, and an expired certificate are verified again before
anything is sent. That takes another connection, which may reach another server behind the same
address. Until the certificate itself was seen by a verifying handshake, all handshakes with this
name are such, so that a wrong certificate fails as often as it is shown.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from controller.model.configuration import CertificateRules

PIN_LIFETIME_S = 600.0
"""Seconds after which a pinned certificate is verified again: an authority may have been removed,
an intermediate certificate may have expired."""
_MAX_PINS_PER_NAME = 16
"""Certificates pinned per server name; the oldest pin is dropped."""


_ANY_ANCHOR = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
_VERIFY_FLAGS = {
    CertificateRules.COMPATIBLE: _ANY_ANCHOR,
    CertificateRules.STRICT: _ANY_ANCHOR | ssl.VERIFY_X509_STRICT,
}


class PinnedCertificate(NamedTuple):
    """A certificate that was verified."""

    ends_at: datetime
    """When the certificate expires."""
    good_until: float
    """When it must be verified again, monotonic seconds."""


class TlsTrust:
    """A set of trusted authorities, and the pinned certificates that they have signed."""

    def __init__(
        self,
        authorities: str | None = None,
        rules: CertificateRules = CertificateRules.COMPATIBLE,
    ) -> None:
        """`authorities`: the only trusted ones (PEM); None: those of the system."""
        self._verifying_context = ssl.create_default_context(cadata=authorities)
        self._verifying_context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._verifying_context.verify_flags = _VERIFY_FLAGS[rules]
        self._verifying_context.set_alpn_protocols(["http/1.1"])
        self._unverified_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._unverified_context.check_hostname = False
        self._unverified_context.verify_mode = ssl.CERT_NONE
        self._unverified_context.set_alpn_protocols(["http/1.1"])
        self._pins: dict[str, dict[bytes, PinnedCertificate]] = {}
        self._unjudged: dict[str, dict[bytes, float]] = {}
        """By server name, certificates that no verifying handshake has seen yet, each until when
        it is waited for (monotonic seconds)."""

    def context(self, server_name: str, now: float) -> ssl.SSLContext:
        """The context of a handshake with this server: without authorities while a pin is good and
        no certificate waits to be judged."""
        if self._has_unjudged(server_name, now):
            return self._verifying_context
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
        if pin is not None and now < pin.good_until:
            return pin
        unjudged = self._unjudged.setdefault(server_name, {})
        if len(unjudged) < _MAX_PINS_PER_NAME:
            unjudged[digest] = now + PIN_LIFETIME_S
        return None

    def _has_unjudged(self, server_name: str, now: float) -> bool:
        """Whether a certificate of this server waits to be judged; forgets those in vain."""
        waiting = self._unjudged.get(server_name)
        if not waiting:
            return False
        left = {digest: until for digest, until in waiting.items() if now < until}
        self._unjudged[server_name] = left
        return bool(left)

    def _pin(
        self, server_name: str, digest: bytes, tls_socket: ssl.SSLSocket, now: float
    ) -> PinnedCertificate:
        details = tls_socket.getpeercert() or {}
        ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(details["notAfter"])), UTC)
        left_s = (ends_at - datetime.now(UTC)).total_seconds()
        pin = PinnedCertificate(ends_at, now + min(PIN_LIFETIME_S, left_s))
        self._unjudged.get(server_name, {}).pop(digest, None)
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
        self._trusts: dict[tuple[str | None, CertificateRules], TlsTrust] = {}

    def with_files(self, pem_files: Mapping[str, str]) -> CertificateAuthorities:
        """A copy with these files; the system's authorities and their pins stay."""
        other = CertificateAuthorities(pem_files)
        other._trusts = {key: trust for key, trust in self._trusts.items() if key[0] is None}
        return other

    def trust(self, ca_file: str | None, rules: CertificateRules) -> TlsTrust:
        """The trust of a file (None: of the system). Raises KeyError if the file was not read."""
        key = ca_file, rules
        if key not in self._trusts:
            authorities = None if ca_file is None else self._pem_files[ca_file]
            self._trusts[key] = TlsTrust(authorities, rules)
        return self._trusts[key]
