"""A bundle of authorities may have comments in any encoding.

After nabla-c0d3/sslyze #670 (RHEL's bundle), posit-dev/rsconnect-python #177 and pycurl #490:
bundles name their authorities in comments, in the authorities' own languages.
"""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.adapters.probing.tls_trust import TlsTrust
from controller.cli import exit_codes, root
from controller.settings import ConfigSource
from tests.adapters.probing.authority import Authority
from tests.settings.minimal import with_replacements

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
COMMENT = "# Racine Générale de la société, Főtanúsítvány\n"
PROBE = 'probe: "http://192.0.2.1/healthz"'


def settings_with(tmp_path: Path, bundle: bytes) -> Path:
    """Settings whose first endpoint trusts this bundle."""
    (tmp_path / "ca.pem").write_bytes(bundle)
    file = tmp_path / "gtc.yaml"
    probe = f'probe: "https://192.0.2.1/", ca_file: {tmp_path}/ca.pem'
    file.write_text(with_replacements((PROBE, probe)))
    return file


@pytest.mark.parametrize(
    "around",
    [
        COMMENT.encode(),
        COMMENT.encode("latin-1", "replace"),
        COMMENT.encode("utf-16"),
        b"\x00\xff\xfe binary \x80\n",
        b"\xef\xbb\xbf",
        b"Bag Attributes\n    friendlyName: a\r\n",
    ],
    ids=["utf-8", "latin-1", "utf-16", "binary", "byte order mark", "openssl's text"],
)
def test_whatever_stands_around_certificates(around: bytes, tmp_path: Path) -> None:
    """It is left out; every certificate is read."""
    pems = [Authority(tmp_path / name).file.read_bytes() for name in ("one", "two")]
    file = settings_with(tmp_path, around + pems[0] + around + pems[1] + around)
    loaded = ConfigSource(file, {}).load()
    [text] = loaded.references.authorities.values()
    trust = TlsTrust(text)

    assert trust.verifying_context.cert_store_stats()["x509_ca"] == 2
    assert CliRunner().invoke(root, ["validate", "--references", str(file)]).exit_code == 0


def test_a_broken_bundle_is_found_by_validate_as_by_run(tmp_path: Path) -> None:
    """`gtc run` names `gtc validate --references`, which says the same."""
    good = Authority(tmp_path / "one").file.read_bytes()
    broken = good.replace(b"\nMII", b"\nXXX", 1)
    file = settings_with(tmp_path, good + broken)
    result = CliRunner().invoke(root, ["validate", "--references", str(file)])

    assert result.exit_code == exit_codes.BAD_CONFIG
    assert "certificate 2 of 2 cannot be read" in result.output
    assert CliRunner().invoke(root, ["validate", str(file)]).exit_code == 0


def test_openssls_other_names_for_a_certificate_are_read(tmp_path: Path) -> None:
    """`X509 CERTIFICATE` is the older one."""
    pem = Authority(tmp_path / "one").file.read_text()
    old = pem.replace("BEGIN CERT", "BEGIN X509 CERT").replace("END CERT", "END X509 CERT")
    loaded = ConfigSource(settings_with(tmp_path, old.encode()), {}).load()
    [text] = loaded.references.authorities.values()
    assert ssl.PEM_cert_to_DER_cert(text) == ssl.PEM_cert_to_DER_cert(pem)
