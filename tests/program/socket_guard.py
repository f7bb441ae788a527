"""Notes in every Python process of a sandbox which addresses it dials, by CPython's audit events.

`guarded` writes a `sitecustomize` module, which each child process imports before anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

_SITE = """\
import os, sys

_out = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_EVENTS = {{"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.getaddrinfo": 0}}


def _note(event, arguments):
    at = _EVENTS.get(event)
    if at is None:
        return
    address = arguments[at]
    host = address[0] if isinstance(address, tuple) else address
    os.write(_out, f"{{event}} {{host}}\\n".encode())


sys.addaudithook(_note)
"""


@dataclass(frozen=True, slots=True)
class Dialled:
    """What the processes dialled so far."""

    _file: Path

    def all(self) -> set[str]:
        """`event host`, each once."""
        return set(self._file.read_text().splitlines()) if self._file.exists() else set()

    def outside(self) -> set[str]:
        """The same without addresses of this machine."""
        return {line for line in self.all() if not _is_local(line.partition(" ")[2])}


def guarded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Dialled:
    """Guard every Python process that is started with this process's environment."""
    file, site = folder / "dialled", folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_SITE.format(path=str(file)))
    monkeypatch.setenv("PYTHONPATH", str(site))
    return Dialled(file)


def _is_local(host: str) -> bool:
    if host in ("localhost", "None", "") or host.startswith("/"):  # a Unix socket has a path
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
