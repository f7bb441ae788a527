"""What an answer says of its endpoint: by its bytes alone, however the network cut them."""

from __future__ import annotations

from controller.adapters.probing.failure_causes import ProbeFinding, failed, passed
from controller.adapters.probing.http_body import BODY_LIMIT_BYTES, ResponseBody, body_of
from controller.adapters.probing.http_head import HEAD_LIMIT_BYTES, Head, NotHttpError, read_head
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome

NOT_HTTP = failed("answer is not HTTP")
BREAKS_OFF = failed("answer breaks off")
NO_ANSWER = failed("connection closed without an answer")


class Expectation:
    """What an endpoint must answer to pass."""

    __slots__ = ("_endpoint", "_found", "known", "known_finding", "known_reusable", "text")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._found: dict[bytes, ProbeFinding] = {}
        self.known = b""
        """The last short answer, whole. Endpoints run the same software and answer the same bytes
        within a second (the Date header's): then the finding is the same, too."""
        self.known_finding = NOT_HTTP
        self.known_reusable = False
        wanted = endpoint.body_contains
        self.text = None if wanted is None else wanted.encode()

    def of_status(self, digits: bytes) -> ProbeFinding:
        """What this status says by itself."""
        found = self._found.get(digits)
        if found is None:
            status = int(digits)
            accepted = self._endpoint.accepts(status)
            found = passed(str(status)) if accepted else failed(f"HTTP {status}")
            self._found[digits] = found
        return found

    def know(self, answer: bytes, finding: ProbeFinding, reusable: bool) -> None:
        """Remember what a whole answer means."""
        self.known, self.known_finding, self.known_reusable = answer, finding, reusable

    def of_body(self, found: ProbeFinding, body: bytes | bytearray) -> ProbeFinding:
        """What an accepted status and the body's beginning say together."""
        if self.text is None or self.text in body:
            return found
        return failed(f'body lacks "{self._endpoint.body_contains}"')


class ResponseCheck:
    """The answer to one request, to be fed until it finds something."""

    __slots__ = ("_body", "_data", "_expected", "_found", "_keeps", "_room", "reusable")

    def __init__(self, expected: Expectation) -> None:
        self._expected = expected
        self._data = b""
        """The beginning of a head whose end is still to come."""
        self._room = HEAD_LIMIT_BYTES
        self._body: ResponseBody | None = None
        self.reusable = False
        """Whether the connection may carry another request; known once something was found."""

    def feed(self, data: bytes) -> ProbeFinding | None:
        """What the answer says as soon as that is certain; None: more is needed."""
        try:
            if self._body is not None:
                return self._read(self._body, data)
            scanned = len(self._data)
            return self._read_head(self._data + data if scanned else data, scanned)
        except NotHttpError:
            return NOT_HTTP

    def end(self) -> ProbeFinding:
        """What the answer says when no more comes."""
        body = self._body
        if body is not None:
            return self._judged(body) if body.may_end else BREAKS_OFF
        nothing = not self._data and self._room == HEAD_LIMIT_BYTES
        return NO_ANSWER if nothing else BREAKS_OFF

    def _read_head(self, data: bytes, scanned: int) -> ProbeFinding | None:
        """The final answer's head; interim ones (1xx, such as 100 Continue) are passed over."""
        head = read_head(data, scanned)
        while head is not None and head.is_interim:
            self._room -= head.size
            data = data[head.size :]
            head = read_head(data)
        if (len(data) if head is None else head.size) > self._room:
            raise NotHttpError
        if head is None:
            self._data = data
            return None
        return self._enter(head, data)

    def _enter(self, head: Head, data: bytes) -> ProbeFinding | None:
        found = self._expected.of_status(head.status)
        if found.outcome is not ProbeOutcome.PASSED:
            return found
        length = head.length
        if length is not None and head.size + length <= len(data) and length <= BODY_LIMIT_BYTES:
            # By far the commonest: a short answer that came in one piece.
            self.reusable = head.keeps and head.size + length == len(data)
            if self._expected.text is not None:
                found = self._expected.of_body(found, data[head.size : head.size + length])
            self._expected.know(data, found, self.reusable)
            return found
        self._found, self._keeps = found, head.keeps
        self._body = body = body_of(head, self._expected.text is not None)
        return self._read(body, data[head.size :])

    def _read(self, body: ResponseBody, data: bytes) -> ProbeFinding | None:
        if not body.feed(data):
            return None
        self.reusable = self._keeps and body.exhausted
        return self._judged(body)

    def _judged(self, body: ResponseBody) -> ProbeFinding:
        return self._expected.of_body(self._found, body.kept or b"")
