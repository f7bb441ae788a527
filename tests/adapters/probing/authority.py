"""A certificate authority for one test, made by the openssl command."""

from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

_CONFIG = """\
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = none
[anything]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[old]
basicConstraints = CA:TRUE
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {alternative}
[req]
distinguished_name = none
[none]
"""


class Authority:
    """Issues certificates; keys and certificates are in a temporary folder."""

    def __init__(
        self, folder: Path, *, form: str = "authority", issuer: Authority | None = None
    ) -> None:
        """`form`: `authority`, or `old`: basicConstraints not critical, no key usage, no key
        identifier. `issuer`: another authority, whose intermediate this is; None: a root."""
        self._folder = folder
        folder.mkdir()
        (folder / "index.txt").write_text("")
        self.file = folder / "authority.pem"
        self._key(folder / "authority.key")
        key = ("-key", f"{folder}/authority.key", "-subj", f"/CN={folder.name}")
        if issuer is not None:
            self._openssl("req", "-new", *key, "-out", f"{folder}/authority.csr")
            issuer._sign(folder / "authority", form, -timedelta(days=1), timedelta(days=2))
            return
        arguments = ("-days", "2", "-extensions", form)
        self._openssl("req", "-x509", "-new", *key, *arguments, "-out", str(self.file))

    def context(self, name: str, *, begins_in: timedelta, ends_in: timedelta) -> ssl.SSLContext:
        """A server's context with a certificate for `name` (`DNS:…` or `IP:…`)."""
        stem = self._folder / "server"
        self._key(stem.with_suffix(".key"))
        request = ("-new", "-key", f"{stem}.key", "-subj", "/CN=server", "-out", f"{stem}.csr")
        self._openssl("req", *request)
        self._sign(stem, "server", begins_in, ends_in, name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{stem}.pem", f"{stem}.key")
        return context

    @property
    def leaf(self) -> Path:
        """The file of the last server's certificate."""
        return self._folder / "server.pem"

    def _sign(
        self,
        stem: Path,
        form: str,
        begins_in: timedelta,
        ends_in: timedelta,
        name: str = "DNS:none",
    ) -> None:
        """Issue `stem`.pem for `stem`.csr."""
        self._openssl(
            *("ca", "-batch", "-notext", "-cert", str(self.file)),
            *("-keyfile", f"{self._folder}/authority.key", "-extensions", form),
            *("-startdate", _asn1(begins_in), "-enddate", _asn1(ends_in)),
            *("-in", f"{stem}.csr", "-out", f"{stem}.pem"),
            alternative=name,
        )

    def _key(self, path: Path) -> None:
        curve = ("-pkeyopt", "ec_paramgen_curve:P-256")
        self._openssl("genpkey", "-algorithm", "EC", *curve, "-out", str(path))

    def _openssl(self, command: str, *arguments: str, alternative: str = "DNS:none") -> None:
        config = self._folder / "openssl.cnf"
        config.write_text(_CONFIG.format(folder=self._folder, alternative=alternative))
        with_config = () if command == "genpkey" else ("-config", str(config))
        done = subprocess.run(
            ["openssl", command, *with_config, *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


def _asn1(from_now: timedelta) -> str:
    return f"{datetime.now(UTC) + from_now:%Y%m%d%H%M%SZ}"
