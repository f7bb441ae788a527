"""The check of an HTTP answer. Its finding depends on the bytes, not on how they were split."""

from __future__ import annotations

from controller.adapters.probing.failure_causes import ProbeFinding, failed, passed
from controller.adapters.probing.http.body import BODY_LIMIT_BYTES, ResponseBody, body_of
from controller.adapters.probing.http.coding import CodingError, decoded
from controller.adapters.probing.http.head import (
    HEAD_LIMIT_BYTES,
    HEAD_TOO_LARGE,
    Head,
    NotHttpError,
    content_coding,
    read_head,
)
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome

BREAKS_OFF = failed("answer breaks off")
NO_ANSWER = failed("connection closed without an answer")


class Expectation:
    """What an endpoint must answer to pass."""

    __slots__ = (
        "_by_status",
        "_endpoint",
        "cached_finding",
        "cached_response",
        "cached_reusable",
        "wanted_body",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._by_status: dict[bytes, ProbeFinding] = {}
        self.cached_response = b""
        """The last short answer, complete. Endpoints run the same software and send the same bytes
        within one second (the Date header changes then); equal bytes have an equal finding."""
        self.cached_finding = NO_ANSWER
        self.cached_reusable = False
        wanted = endpoint.body_contains
        self.wanted_body = None if wanted is None else wanted.encode()

    def check_status(self, digits: bytes) -> ProbeFinding:
        """The finding of this status (three digits) alone."""
        found = self._by_status.get(digits)
        if found is None:
            status = int(digits)
            accepted = self._endpoint.accepts(status)
            found = passed(str(status)) if accepted else failed(f"HTTP {status}")
            self._by_status[digits] = found
        return found

    def cache(self, answer: bytes, finding: ProbeFinding, reusable: bool) -> None:
        """Remember the finding of a complete answer."""
        self.cached_response, self.cached_finding, self.cached_reusable = answer, finding, reusable

    def check_body(
        self, found: ProbeFinding, body: bytes | bytearray, coding: bytes
    ) -> ProbeFinding:
        """The finding of an accepted status together with the body's beginning, coded so."""
        if self.wanted_body is None:
            return found
        try:
            content = decoded(body, coding) if coding else body
        except CodingError as error:
            return failed(f"body cannot be read: {error}")
        if self.wanted_body in content:
            return found
        return failed(f'body lacks "{self._endpoint.body_contains}"')


class ResponseCheck:
    """The check of one answer; the caller feeds it pieces until it returns a finding."""

    __slots__ = (
        "_body",
        "_coding",
        "_data",
        "_expected",
        "_head_budget",
        "_keep_alive",
        "_status_finding",
        "reusable",
    )

    def __init__(self, expected: Expectation) -> None:
        self._expected = expected
        self._data = b""
        """An incomplete head."""
        self._head_budget = HEAD_LIMIT_BYTES
        self._body: ResponseBody | None = None
        self.reusable = False
        """Whether the connection may carry another request; valid once there is a finding."""

    def feed(self, data: bytes) -> ProbeFinding | None:
        """Take a piece; return the finding as soon as it is certain, None while more is needed."""
        try:
            if self._body is not None:
                return self._read_body(self._body, data)
            scanned = len(self._data)
            return self._read_head(self._data + data if scanned else data, scanned)
        except NotHttpError as error:
            return failed(f"answer is not HTTP: {error}")

    def end(self) -> ProbeFinding:
        """The finding when the connection ends here."""
        body = self._body
        if body is not None:
            return self._body_finding(body) if body.ends_with_connection else BREAKS_OFF
        nothing = not self._data and self._head_budget == HEAD_LIMIT_BYTES
        return NO_ANSWER if nothing else BREAKS_OFF

    def _read_head(self, data: bytes, scanned: int) -> ProbeFinding | None:
        """Read the final answer's head; skip interim answers (1xx, such as 100 Continue)."""
        head = read_head(data, scanned)
        while head is not None and head.is_interim:
            self._head_budget -= head.size
            data = data[head.size :]
            head = read_head(data)
        if (len(data) if head is None else head.size) > self._head_budget:
            raise NotHttpError(HEAD_TOO_LARGE)
        if head is None:
            self._data = data
            return None
        return self._check_head(head, data)

    def _check_head(self, head: Head, data: bytes) -> ProbeFinding | None:
        found = self._expected.check_status(head.status)
        if found.outcome is not ProbeOutcome.PASSED:
            return found
        wants_body = self._expected.wanted_body is not None
        coding = content_coding(data[: head.size]) if wants_body else b""
        length = head.length
        if length is not None and head.size + length <= len(data) and length <= BODY_LIMIT_BYTES:
            # By far the most frequent: a short answer that came in one piece.
            self.reusable = head.keep_alive and head.size + length == len(data)
            if wants_body:
                body = data[head.size : head.size + length]
                found = self._expected.check_body(found, body, coding)
            self._expected.cache(data, found, self.reusable)
            return found
        self._status_finding, self._keep_alive, self._coding = found, head.keep_alive, coding
        self._body = reader = body_of(head, wants_body)
        return self._read_body(reader, data[head.size :])

    def _read_body(self, body: ResponseBody, data: bytes) -> ProbeFinding | None:
        if not body.feed(data):
            return None
        self.reusable = self._keep_alive and body.is_exact
        return self._body_finding(body)

    def _body_finding(self, body: ResponseBody) -> ProbeFinding:
        return self._expected.check_body(self._status_finding, body.content or b"", self._coding)
