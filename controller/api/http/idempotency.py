"""`Idempotency-Key`: a write that is sent again, because its response was lost, is not done twice.

The header follows the IETF draft *The Idempotency-Key HTTP Header Field*, which never became a
standard. Responses are kept in memory for a day. They may be lost in a restart, because an override
that is set again only replaces itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import Parameter, ParameterLocation
from controller.api.http.problems import ProblemError
from controller.ports import Clock

_MAX_AGE_S = 86_400.0
_MAX_RESPONSES = 1000
_MAX_BYTES = 8 * 2**20
"""Compressed bytes of all kept responses; one takes 1 kB, at 20 regions x 250 pools up to 30 kB."""
_MAX_LENGTH = 255
REPLAYED_HEADER = "Idempotency-Replayed"


def _key(text: str, _dependencies: ApiDependencies) -> str:
    if not (1 <= len(text) <= _MAX_LENGTH and text.isascii() and text.isprintable()):
        detail = f"Idempotency-Key must be 1 to {_MAX_LENGTH} printable ASCII characters"
        raise ProblemError(400, detail, field="Idempotency-Key")
    return text


IDEMPOTENCY_KEY: Parameter[str | None] = Parameter(
    "Idempotency-Key",
    "A name of your choice for this order. Sent again within a day, the same order is answered as "
    "it was and not carried out again.",
    _key,
    location=ParameterLocation.HEADER,
    schema={"type": "string", "minLength": 1, "maxLength": _MAX_LENGTH, "pattern": "^[ -~]+$"},
)


@dataclass(slots=True)
class _CachedResponse:
    """The response to one order; None while the order is being carried out."""

    body: bytes
    """The request's body: a key belongs to one body only."""
    at: float
    """Monotonic seconds at which the order came."""
    response: tuple[int, bytes, dict[str, str]] | None = None
    """Status, compressed text, headers."""

    @property
    def size(self) -> int:
        """Compressed bytes of the response's text."""
        return len(self.response[1]) if self.response else 0


class IdempotencyCache:
    """The responses to orders with a key, by caller and key, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cached: dict[tuple[str, str], _CachedResponse] = {}

    async def once(
        self,
        caller: str,
        key: str,
        body: bytes,
        act: Callable[[], Awaitable[web.Response]],
    ) -> web.Response:
        """The response of `act`, or the cached one when this key came before.

        An order whose `act` raises is not cached, so it can be sent again. Raises ProblemError: 422
        when the key came with another body, 409 while the first order is being carried out.
        """
        self._evict()
        cached = self._cached.get((caller, key))
        if cached is not None:
            return _replay(cached, body)
        cached = self._cached[caller, key] = _CachedResponse(body, self._clock.monotonic())
        try:
            response = await act()
        except BaseException:
            del self._cached[caller, key]
            raise
        text = zlib.compress((response.text or "").encode())
        cached.response = (response.status, text, dict(response.headers))
        return response

    def _evict(self) -> None:
        """Remove the oldest finished responses until all limits hold."""
        now = self._clock.monotonic()
        finished = [key for key, cached in self._cached.items() if cached.response is not None]
        count, size = len(finished), sum(self._cached[key].size for key in finished)
        for key in finished:
            cached = self._cached[key]
            if count < _MAX_RESPONSES and size <= _MAX_BYTES and now - cached.at <= _MAX_AGE_S:
                break
            del self._cached[key]
            count, size = count - 1, size - cached.size


def _replay(cached: _CachedResponse, body: bytes) -> web.Response:
    if cached.body != body:
        detail = "this Idempotency-Key was sent with another order; take a new one"
        raise ProblemError(422, detail, field="Idempotency-Key")
    if cached.response is None:
        detail = "an order with this Idempotency-Key is being carried out; ask again"
        raise ProblemError(409, detail, headers={"Retry-After": "1"}, more={"retry_after_s": 1})
    status, text, headers = cached.response
    return web.Response(
        text=zlib.decompress(text).decode(),
        status=status,
        headers={**headers, REPLAYED_HEADER: "true"},
    )
