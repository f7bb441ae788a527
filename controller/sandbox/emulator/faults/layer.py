"""The effect of each fault on a call: the layer between the gateway and the services.

Codes follow the API references: *Common errors* of Route 53 (Throttling, ServiceUnavailable),
*ChangeResourceRecordSets* (PriorRequestNotComplete: an earlier change of the zone is not complete),
*UpdateEndpointGroup* (TransactionInProgressException, InternalServiceErrorException); *Common error
types* (InvalidClientTokenId, UnrecognizedClientException, both 403). Several
faults of one call are nested, the oldest outermost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from controller.sandbox.emulator.accelerator.store import AcceleratorStore
from controller.sandbox.emulator.faults.active import Fault, Faults
from controller.sandbox.emulator.faults.throttling import AccountRate
from controller.sandbox.emulator.http.gateway import Call, Dispatch, NoReplyError
from controller.sandbox.emulator.http.wire_messages import AwsError, Result
from controller.sandbox.emulator.route53.zones import ZoneStore

_PAGE_START_PARAMS = ("StartRecordName", "DNSName", "Marker", "NextToken")


class FaultLayer:
    """Executes calls and applies faults to them. `run` executes late writes."""

    def __init__(
        self,
        dispatch: Dispatch,
        faults: Faults,
        zones: ZoneStore,
        accelerators: AcceleratorStore,
        clock: Callable[[], float],
    ) -> None:
        self._apply = dispatch
        self._faults = faults
        self._zones = zones
        self._accelerators = accelerators
        self._rate = AccountRate(clock)
        self._late: asyncio.Queue[tuple[float, Call]] = asyncio.Queue()

    async def dispatch(self, call: Call) -> Result:
        """The operation's result, changed by faults. Raises AwsError or NoReplyError."""
        return await self._apply_faults(self._faults.meant_for(call), call)

    async def run(self) -> None:
        """Execute late writes when they are due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                delay_s, call = await self._late.get()
                group.create_task(self._apply_late(delay_s, call))

    async def _apply_faults(self, faults: tuple[Fault, ...], call: Call) -> Result:
        if not faults:
            return await self._apply(call)
        first, *others = faults
        behaviour = _BEHAVIOURS.get(first.spec.name)
        if behaviour is None:  # a manual edit, which affects no call
            return await self._apply_faults(tuple(others), call)
        return await behaviour(self, first, call, lambda c: self._apply_faults(tuple(others), c))

    async def _apply_late(self, delay_s: float, call: Call) -> None:
        await asyncio.sleep(delay_s)
        try:
            await self._apply(call)
        except AwsError:
            return  # refused; no caller waits for the reply any more

    async def _throttle(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        if fault.spec.times is None and self._rate.allows(call.service, call.operation):
            return await proceed(call)
        fault.strike()
        code = "Throttling" if call.service == "route53" else "ThrottlingException"
        raise AwsError(code, "Rate exceeded")

    async def _error(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        fault.strike()
        raise _server_error(call)

    async def _gone(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        fault.strike()
        raise AwsError("ServiceUnavailable", f"{call.service} is not available", 503)

    async def _deny(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        if call.access_key == fault.spec.accept:
            return await proceed(call)
        fault.strike()
        code = (
            "InvalidClientTokenId" if call.service == "route53" else "UnrecognizedClientException"
        )
        raise AwsError(code, "The security token included in the request is invalid.", 403)

    async def _latency(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        fault.strike()
        await asyncio.sleep(fault.spec.seconds or 0.0)
        return await proceed(call)

    async def _hang(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        fault.strike()
        return await _never()

    async def _drop(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        fault.strike()
        raise NoReplyError

    async def _reply_lost(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        fault.strike()
        await proceed(call)
        raise NoReplyError

    async def _apply_later(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        fault.strike()
        self._late.put_nowait((fault.spec.seconds or 0.0, call))
        return await _never()

    async def _prior_request(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        if self._zones.is_settled(call.params["HostedZoneId"]):
            return await proceed(call)
        fault.strike()
        message = "The request was rejected because Route 53 was still processing a prior request."
        raise AwsError("PriorRequestNotComplete", message)

    async def _transaction(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        arns = [str(value) for key, value in call.params.items() if key.endswith("Arn")]
        busy = any(self._accelerators.is_busy(arn.partition("/listener/")[0]) for arn in arns)
        if not busy:
            return await proceed(call)
        fault.strike()
        message = "There is already a transaction in progress on this accelerator"
        raise AwsError("TransactionInProgressException", message)

    async def _page_error(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        if not any(param in call.params for param in _PAGE_START_PARAMS):
            return await proceed(call)
        fault.strike()
        raise _server_error(call)

    async def _small_pages(self, fault: Fault, call: Call, proceed: Dispatch) -> Result:
        fault.strike()
        items = fault.spec.items or 1
        name, size = (
            ("MaxItems", str(items)) if call.service == "route53" else ("MaxResults", items)
        )
        return await proceed(replace(call, params={**call.params, name: size}))


_Behaviour = Callable[[FaultLayer, Fault, Call, Dispatch], Awaitable[Result]]
_BEHAVIOURS: Mapping[str, _Behaviour] = {
    "throttle": FaultLayer._throttle,
    "error-5xx": FaultLayer._error,
    "deny": FaultLayer._deny,
    "latency": FaultLayer._latency,
    "hang": FaultLayer._hang,
    "drop": FaultLayer._drop,
    "reply-lost": FaultLayer._reply_lost,
    "late": FaultLayer._apply_later,
    "gone": FaultLayer._gone,
    "prior-request": FaultLayer._prior_request,
    "transaction": FaultLayer._transaction,
    "page-error": FaultLayer._page_error,
    "small-pages": FaultLayer._small_pages,
}


def _server_error(call: Call) -> AwsError:
    if call.service == "globalaccelerator":
        return AwsError("InternalServiceErrorException", "There was an internal error", 500)
    return AwsError("ServiceUnavailable", "The service is unavailable, try again", 500)


async def _never() -> Result:
    """Never return; cancelled when the client closes or the server stops."""
    await asyncio.Event().wait()
    raise AssertionError("the event is never set")
