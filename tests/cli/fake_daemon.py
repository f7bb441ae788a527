"""A daemon that sends the replies of a test over a real socket and records the requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """One canned reply; a text body is sent as it is, any other body as JSON."""

    body: Any
    status: int = 200
    breaks_off: bool = False
    """Close the connection instead of replying."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a command."""

    method: str
    path: str
    """Including the query."""
    headers: dict[str, str]
    body: Any

    @property
    def accept(self) -> str:
        """The media type that the command accepts."""
        return self.headers.get("Accept", "")


@dataclass(slots=True)
class FakeDaemon:
    """`replies` maps `METHOD /path` to replies, sent one after the other; the last one repeats.

    A key with a query counts for that query only.
    """

    url: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answers(self, what: str, *bodies: Any) -> None:
        """Reply to `METHOD /path` with these bodies, one after the other."""
        status = 201 if what == "POST /v1/overrides" else 200
        self.replies[what] = [
            body if isinstance(body, Reply) else Reply(body, status) for body in bodies
        ]

    def refuses(self, what: str, status: int, detail: str, **members: Any) -> None:
        """Reply to `METHOD /path` with a problem."""
        problem = {"type": "about:blank#refused", "title": "Refused", "status": status}
        self.replies[what] = [
            Reply({**problem, "detail": detail, "instance": "r", **members}, status)
        ]

    def asked(self, method: str) -> list[Request]:
        """The requests of one method, in their order."""
        return [request for request in self.requests if request.method == method]

    def deleted(self) -> list[str]:
        """The paths of the DELETE requests, in their order."""
        return [request.path for request in self.asked("DELETE")]

    def reply_to(self, request: Request) -> Reply:
        """The reply to the request, which is recorded."""
        self.requests.append(request)
        for path in (request.path, request.path.partition("?")[0]):
            replies = self.replies.get(f"{request.method} {path}")
            if replies:
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return Reply(f"the test has no answer for {request.method} {request.path}", 500)


def problem(status: int, detail: str, **members: Any) -> Reply:
    """A problem as one of several replies."""
    return Reply({"title": "Refused", "status": status, "detail": detail, **members}, status)


@contextmanager
def running() -> Iterator[FakeDaemon]:
    """A daemon on a free port."""
    daemon = FakeDaemon()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(daemon))
    daemon.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield daemon
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(daemon: FakeDaemon) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            raw = self.rfile.read(length)
            body = json.loads(raw) if raw else None
            request = Request(self.command, self.path, dict(self.headers), body)
            reply = daemon.reply_to(request)
            if not reply.breaks_off:
                self._send(reply)

        def _send(self, reply: Reply) -> None:
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            data = text.encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: the requests are recorded."""

    return Handler
