"""`Idempotency-Key`: a write that is sent again, because its answer was lost, is not done again.

The header follows the IETF draft *The Idempotency-Key HTTP Header Field*, which never became a
standard. Answers are remembered in memory for a day: across a restart they need not be, because an
override that is set again only takes the place of itself.
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

_KEPT_S = 86_400.0
_MOST_KEPT = 1000
_MOST_BYTES = 8 * 2**20
"""Bytes of answers kept at most, compressed; one takes 1 kB, at 20 regions x 250 pools up to 30."""
_LONGEST = 255
REPLAYED = "Idempotency-Replayed"


def _key(text: str, _context: ApiDependencies) -> str:
    if not (1 <= len(text) <= _LONGEST and text.isascii() and text.isprintable()):
        detail = f"Idempotency-Key must be 1 to {_LONGEST} printable ASCII characters"
        raise ProblemError(400, detail, field="Idempotency-Key")
    return text


IDEMPOTENCY_KEY: Parameter[str | None] = Parameter(
    "Idempotency-Key",
    "A name of your choice for this order. Sent again within a day, the same order is answered as "
    "it was and not carried out again.",
    _key,
    place=ParameterLocation.HEADER,
    schema={"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": "^[ -~]+$"},
)


@dataclass(slots=True)
class _KeptReply:
    """One order; `answer` is None while it is carried out."""

    fingerprint: bytes
    at: float
    answer: tuple[int, bytes, dict[str, str]] | None = None
    """Status, compressed text, headers."""

    @property
    def size(self) -> int:
        """Bytes of the answer's text."""
        return len(self.answer[1]) if self.answer else 0


class KeptReplies:
    """The answers to orders that had a key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], _KeptReply] = {}

    async def once(
        self,
        caller: str,
        key: str,
        fingerprint: bytes,
        act: Callable[[], Awaitable[web.Response]],
    ) -> web.Response:
        """Act, or answer as at the first time. What raises is forgotten and may be tried again.

        Raises ProblemError: 422 when the key stood for another order, 409 while the first one is
        carried out.
        """
        self._forget_old()
        kept = self._kept.get((caller, key))
        if kept is not None:
            return _again(kept, fingerprint)
        kept = self._kept[caller, key] = _KeptReply(fingerprint, self._clock.monotonic())
        try:
            response = await act()
        except BaseException:
            del self._kept[caller, key]
            raise
        text = zlib.compress((response.text or "").encode())
        kept.answer = (response.status, text, dict(response.headers))
        return response

    def _forget_old(self) -> None:
        """The oldest, which stand first; those being carried out stay."""
        now = self._clock.monotonic()
        finished = [name for name, kept in self._kept.items() if kept.answer is not None]
        count, size = len(finished), sum(self._kept[name].size for name in finished)
        for name in finished:
            kept = self._kept[name]
            if count < _MOST_KEPT and size <= _MOST_BYTES and now - kept.at <= _KEPT_S:
                break
            del self._kept[name]
            count, size = count - 1, size - kept.size


def _again(kept: _KeptReply, fingerprint: bytes) -> web.Response:
    if kept.fingerprint != fingerprint:
        detail = "this Idempotency-Key was sent with another order; take a new one"
        raise ProblemError(422, detail, field="Idempotency-Key")
    if kept.answer is None:
        detail = "an order with this Idempotency-Key is being carried out; ask again"
        raise ProblemError(409, detail, headers={"Retry-After": "1"}, more={"retry_after_s": 1})
    status, text, headers = kept.answer
    return web.Response(
        text=zlib.decompress(text).decode(), status=status, headers={**headers, REPLAYED: "true"}
    )
