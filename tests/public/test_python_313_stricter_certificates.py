"""What is demanded of a certificate does not depend on the interpreter.

After python/cpython #107361, OpenVPN/easy-rsa #1418 and sgallagher/sscg #74: since Python 3.13 the
default refuses authorities as older recipes make them, and accepts intermediates and leaves as
anchors. `make interpreters` runs these tests on newer versions of Python, too.
"""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from controller.model.health import ProbeOutcome, ProbeResult
from controller.settings.references import References
from tests.adapters.probing.asking import ask_once
from tests.adapters.probing.authority import Authority
from tests.adapters.probing.test_tls import DAY, NAME, Server

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


async def probed(context: ssl.SSLContext, trusted: Path, rules: str) -> ProbeResult:
    """A probe of a server with this context, with this `ca_file`."""
    references = References({}, {str(trusted): certificates_in(trusted)})
    async with Server().serving(context) as server:
        return await ask_once(
            5,
            references,
            probe=f"https://127.0.0.1:{server.port}/",
            ca_file=str(trusted),
            host=NAME,
            certificates=rules,
        )


def certificates_in(file: Path) -> str:
    """A file's text."""
    return file.read_text()


def shown_by(authority: Authority) -> ssl.SSLContext:
    """A server's context with a certificate of this authority."""
    return authority.context(f"DNS:{NAME}", begins_in=-DAY, ends_in=timedelta(hours=20))


@pytest.mark.parametrize(
    ("rules", "detail"),
    [
        ("compatible", "200"),
        ("strict", "certificate: Basic Constraints of CA cert not marked critical"),
    ],
)
async def test_an_authority_of_an_older_form(rules: str, detail: str, tmp_path: Path) -> None:
    """Users' browsers accept it; who wants the form of RFC 5280 says so."""
    authority = Authority(tmp_path / "old", form="old")
    result = await probed(shown_by(authority), authority.file, rules)
    assert (result.outcome is ProbeOutcome.PASSED, result.detail) == (detail == "200", detail)


_ANCHORS: dict[str, Callable[[Authority, Authority], Path]] = {
    "the intermediate alone": lambda _, intermediate: intermediate.file,
    "the server's own certificate": lambda _, intermediate: intermediate.leaf,
}


@pytest.mark.parametrize("anchor", _ANCHORS.values(), ids=_ANCHORS.keys())
@pytest.mark.parametrize("rules", ["compatible", "strict"])
async def test_any_certificate_of_the_chain_may_be_the_anchor(
    anchor: Callable[[Authority, Authority], Path], rules: str, tmp_path: Path
) -> None:
    """Whoever names it in `ca_file` trusts it, root or not."""
    root = Authority(tmp_path / "root")
    intermediate = Authority(tmp_path / "intermediate", issuer=root)
    context = shown_by(intermediate)
    result = await probed(context, anchor(root, intermediate), rules)
    assert (result.outcome, result.detail) == (ProbeOutcome.PASSED, "200")
