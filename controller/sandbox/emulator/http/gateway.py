"""The HTTP endpoint of all AWS APIs; the signature says which service a request is for.

Follows the reference *AWS Signature Version 4*: service and Region come from the credential scope
of the Authorization header. Every call is logged, so that tests can assert what a client sent.
Faults are a layer around `Services.dispatch` (faults/layer.py). Not emulated: signatures are not
verified (any key is accepted), no IAM, presigned URLs, anonymous access.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass

from aiohttp import web

from controller.sandbox.emulator.http.codec import Codec, codec_for, error_without_codec
from controller.sandbox.emulator.http.wire_messages import (
    AwsError,
    Operation,
    Params,
    Result,
    WireReply,
    WireRequest,
    not_emulated,
)

RECENT_CALLS = 1_000
NO_REPLY = "NoReply"
"""The code, in the log, of a call that was not answered; its status is 0."""
_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/,\s]+)/([^/,\s]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class Call:
    """One parsed request: service, signed Region, operation and parameters."""

    service: str
    region: str
    operation: str
    params: Params
    access_key: str | None = None
    """Id of the key that it was signed with; None: it came without HTTP."""


Dispatch = Callable[[Call], Awaitable[Result]]


class NoReplyError(Exception):
    """The connection must break without an answer, whether or not the call was applied."""


@dataclass(frozen=True, slots=True)
class Service:
    """An emulated service; `home_region` is set if its API exists in one Region only."""

    name: str
    operations: Mapping[str, Operation]
    home_region: str | None = None


class Services:
    """Executes calls on the emulated services."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = services

    async def dispatch(self, call: Call) -> Result:
        """The operation's result. Raises AwsError, also for an operation that is not emulated."""
        service = self._services[call.service]
        if service.home_region not in (None, call.region):
            raise AwsError(
                "UnknownEndpoint",
                f"{service.name} has no endpoint in {call.region}: its API lives in "
                f"{service.home_region}",
                501,
            )
        operation = service.operations.get(call.operation)
        if operation is None:
            raise not_emulated(f"{call.service} {call.operation}")
        return operation(call.params)


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call of the log; `code` is that of the AWS error, if there was one."""

    at: float
    service: str
    region: str
    operation: str
    status: int
    code: str | None = None


class CallLog:
    """The number of calls of every operation, and the last calls."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.recent: deque[LoggedCall] = deque(maxlen=RECENT_CALLS)

    def add(self, call: LoggedCall) -> None:
        """Log one call."""
        self.counts[call.service, call.operation] += 1
        self.recent.append(call)

    def to_json(self) -> Mapping[str, object]:
        """Counts by service and operation, and the recent calls, oldest first."""
        counts: dict[str, dict[str, int]] = {}
        for (service, operation), number in sorted(self.counts.items()):
            counts.setdefault(service, {})[operation] = number
        return {"counts": counts, "recent": [asdict(call) for call in self.recent]}


class Gateway:
    """Turns HTTP requests into calls, and results or errors into HTTP replies."""

    def __init__(
        self, dispatch: Dispatch, service_names: tuple[str, ...], clock: Callable[[], float]
    ) -> None:
        """`service_names`: the services of `dispatch`; `clock`: seconds since 1970, for the log."""
        self.calls = CallLog()
        self._dispatch = dispatch
        self._codecs: dict[str, Codec] = {name: codec_for(name) for name in service_names}
        self._clock = clock

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        wire_request = WireRequest(
            method=request.method,
            path=request.rel_url.raw_path,
            query=request.rel_url.raw_query_string,
            headers=request.headers,
            body=await request.read(),
        )
        try:
            reply = await self._answer(wire_request)
        except NoReplyError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # is not sent
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    async def _answer(self, request: WireRequest) -> WireReply:
        scope = _SCOPE.search(request.header("Authorization"))
        if scope is None:
            message = "Request is missing Authentication Token"
            return error_without_codec(
                AwsError("MissingAuthenticationToken", message, 403), request
            )
        access_key, region, service = scope.groups()
        codec = self._codecs.get(service)
        if codec is None:
            error = not_emulated(f"service {service!r}")
            self._log(service, region, "", error.status, error.code)
            return error_without_codec(error, request)
        return await self._call(codec, service, region, access_key, request)

    async def _call(
        self, codec: Codec, service: str, region: str, access_key: str, request: WireRequest
    ) -> WireReply:
        operation, code = "", None
        try:
            operation, params = codec.parse(request)
            result = await self._dispatch(Call(service, region, operation, params, access_key))
            reply = codec.dump(operation, result)
        except AwsError as error:
            code = error.code
            reply = codec.error(error)
        except (NoReplyError, asyncio.CancelledError):
            self._log(service, region, operation, 0, NO_REPLY)
            raise
        self._log(service, region, operation, reply.status, code)
        return reply

    def _log(
        self, service: str, region: str, operation: str, status: int, code: str | None
    ) -> None:
        self.calls.add(LoggedCall(self._clock(), service, region, operation, status, code))
