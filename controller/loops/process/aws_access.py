"""Whether AWS accepts the daemon's credentials and rights, as its answers to calls tell.

An operation counts as denied from the answer that says so until the next answer that does not. A
call without an answer changes nothing. Nothing is decided by it: it is shown, logged and counted.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from controller.model.aws_calls import AwsCall, AwsDenial
from controller.ports import Clock

_log = structlog.get_logger("aws_access")


class AwsAccess:
    """The operations that AWS denies now. Give `observe` every call."""

    def __init__(self, clock: Clock, show: Callable[[str, bool], None]) -> None:
        """`show(service, refused)` is called when a service begins or ends to refuse."""
        self._clock = clock
        self._show = show
        self._denied: dict[tuple[str, str], AwsDenial] = {}

    def denials(self) -> tuple[AwsDenial, ...]:
        """The denied operations, in order of service and operation."""
        return tuple(self._denied[key] for key in sorted(self._denied))

    def observe(self, call: AwsCall) -> None:
        """Take notice of one call that ended."""
        if call.denial is not None:
            self._deny(call, call.denial)
        elif call.outcome != "unknown":
            self._accept(call)

    def _deny(self, call: AwsCall, why: str) -> None:
        key = call.service, call.operation
        known = self._denied.get(key)
        since = known.since_s if known else self._clock.monotonic()
        self._denied[key] = AwsDenial(call.service, call.operation, why, since)
        if known is None:
            _log.error("aws_refuses", target=call.service, operation=call.operation, error=why)
            self._show(call.service, True)

    def _accept(self, call: AwsCall) -> None:
        if self._denied.pop((call.service, call.operation), None) is None:
            return
        _log.info("aws_accepts", target=call.service, operation=call.operation)
        self._show(call.service, any(service == call.service for service, _ in self._denied))
