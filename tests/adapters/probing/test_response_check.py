"""Response checks, a fuzz target: any bytes in any pieces give one finding, soon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from controller.adapters.probing.failure_causes import ProbeFinding
from controller.adapters.probing.http.body import BODY_LIMIT_BYTES
from controller.adapters.probing.http.head import HEAD_LIMIT_BYTES
from controller.adapters.probing.response_check import Expectation, ResponseCheck
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome
from tests.adapters.probing.corpus import ANSWERS, CHUNKED, NGINX, PIECES

LIMIT_S = 1.0
"""No input may take longer."""
ENDPOINTS = (
    Endpoint(probe="http://a.test/"),
    Endpoint(probe="http://a.test/", body_contains="ok"),
    Endpoint(probe="http://a.test/", statuses=("1xx", "2xx", 304)),
)


def read(pieces: Iterable[bytes], endpoint: Endpoint) -> tuple[ProbeFinding, bool]:
    """The finding of these pieces, and whether the connection may be kept."""
    answer = ResponseCheck(Expectation(endpoint))
    for piece in pieces:
        if piece:
            finding = answer.feed(piece)
            if finding is not None:
                return finding, answer.reusable
    return answer.end(), False


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    """The data, split at these positions."""
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def mutated(draw: Callable[[st.SearchStrategy[int]], int], data: bytes) -> bytes:
    """The data with one part repeated, lost or replaced."""
    a, b = draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))
    first, last = min(a, b), max(a, b)
    how = draw(st.integers(0, 3))
    if how == 0:
        return data[:first] + data[last:]
    if how == 1:
        return data[:last] + data[first:]
    if how == 2:
        return data[:first] + PIECES[a % len(PIECES)] + data[last:]
    return data[:first]


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Changed answers of the corpus, or random parts of answers."""
    if draw(st.booleans()):
        return b"".join(draw(st.lists(st.sampled_from(PIECES) | st.binary(max_size=6))))
    data = draw(st.sampled_from(ANSWERS))
    for _ in range(draw(st.integers(0, 3))):
        data = mutated(draw, data)
    return data


def check(data: bytes, at: Iterable[int], endpoint: Endpoint) -> None:
    """Any split gives the same finding as no split; all end in time."""
    began = time.process_time()
    whole, reusable = read([data], endpoint)
    split, split_reusable = read(cut(data, at), endpoint)
    assert time.process_time() - began < LIMIT_S
    assert split == whole
    # What comes after an answer is seen in one piece only: then the connection is not kept.
    assert split_reusable or not reusable
    assert isinstance(whole.outcome, ProbeOutcome)
    assert 0 < len(whole.detail) < 200


@pytest.mark.parametrize("data", ANSWERS, ids=range(len(ANSWERS)))
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=["status", "body", "statuses"])
def test_every_answer_of_the_corpus_is_the_same_byte_by_byte(
    data: bytes, endpoint: Endpoint
) -> None:
    """The worst possible split."""
    check(data, range(len(data)), endpoint)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=answers(), at=st.lists(st.integers(0, 1 << 20), max_size=8), which=st.integers(0, 2))
@example(data=NGINX + b"!", at=[len(NGINX)], which=0)
def test_any_split_of_any_answer_finds_the_same(data: bytes, at: list[int], which: int) -> None:
    """The fuzz target, for a few seconds."""
    check(data, at, ENDPOINTS[which])


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=answers(), at=st.lists(st.integers(0, 1 << 20), max_size=12), which=st.integers(0, 2))
def test_any_split_of_any_answer_finds_the_same_for_long(
    data: bytes, at: list[int], which: int
) -> None:
    """The fuzz target, for some minutes."""
    check(data, at, ENDPOINTS[which])


@pytest.mark.parametrize(
    ("size", "passes"), [(HEAD_LIMIT_BYTES, True), (HEAD_LIMIT_BYTES + 1, False)]
)
def test_heads_have_a_limit(size: int, passes: bool) -> None:
    """Both sides of it; interim answers count."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    frame = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \r\n\r\n"
    padding = b"x" * (size - len(interim) - len(frame))
    data = interim + frame.replace(b"X: ", b"X: " + padding)
    finding, _ = read([data], ENDPOINTS[0])

    assert (finding.outcome is ProbeOutcome.PASSED) is passes


@pytest.mark.parametrize(("before", "passes"), [(0, True), (2, False)])
def test_a_text_is_looked_for_within_the_limit(before: int, passes: bool) -> None:
    """Text beyond 64 KiB is not found, with any end of the body."""
    body = b"x" * (BODY_LIMIT_BYTES - 2 + before) + b"ok"
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body
    for data in (plain, chunked + b"\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + body):
        finding, _ = read([data], ENDPOINTS[1])
        assert (finding.outcome is ProbeOutcome.PASSED) is passes


@pytest.mark.parametrize("data", [NGINX, CHUNKED])
def test_a_connection_is_kept_only_when_nothing_follows(data: bytes) -> None:
    """Another byte would be the begin of the next answer."""
    assert read([data], ENDPOINTS[0])[1]
    assert not read([data + b"H"], ENDPOINTS[0])[1]


def test_a_cached_answer_has_the_same_finding() -> None:
    """Equal bytes are not parsed again; others are."""
    expected = Expectation(ENDPOINTS[1])
    assert ResponseCheck(expected).feed(NGINX) == expected.cached_finding
    assert expected.cached_response == NGINX
    assert expected.cached_reusable
    other = NGINX.replace(b"ok\n", b"no\n")
    assert ResponseCheck(expected).feed(other) == expected.cached_finding
    assert expected.cached_finding.detail == 'body lacks "ok"'
