"""The address of an admin API."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import SplitResult, urlsplit


@dataclass(frozen=True, slots=True)
class DaemonAddress:
    """The address of an admin API."""

    url: str
    parts: SplitResult

    @classmethod
    def of(cls, url: str) -> DaemonAddress:
        """The parsed `url`. Raises ValueError unless it is http or https with a host."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address; http://host:port or https://host:port is")
        _ = parts.port  # raises for a port that is no number
        return cls(url.rstrip("/"), parts)

    def connect(self, timeout_s: float) -> HTTPConnection:
        """An open connection. Raises OSError."""
        connection_class = HTTPSConnection if self.parts.scheme == "https" else HTTPConnection
        connection = connection_class(self.parts.hostname or "", self.parts.port, timeout=timeout_s)
        connection.connect()
        return connection
