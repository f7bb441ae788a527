"""The record sets of Route 53 hosted zones.

Only weights of existing record sets are written. A change is a compare-and-swap: one batch of
DELETE (exactly as read) and CREATE (the same with another weight) for each record set. Route 53
applies a whole batch or nothing, and a DELETE must repeat every value (API Reference,
*ChangeResourceRecordSets*). So a manual edit in between makes Route 53 refuse the batch and is not
overwritten, and a deleted weighted record is not created again. `record_sets` converts record sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from controller.adapters.aws.calls import AwsCalls
from controller.adapters.aws.error_mapping import AWS_ERRORS
from controller.adapters.aws.record_sets import record_set_of, request_of
from controller.model.levers import Outcome, OutcomeStatus, RecordSet, WeightChange
from controller.planning.levers.batches import MAX_CHARACTERS, MAX_ELEMENTS, size_of
from controller.planning.levers.run_walk import PAGE_SIZE, RecordPage, RunWalk, Start
from controller.planning.residency.zone_listings import Run, ZoneListing
from controller.ports import Clock

if TYPE_CHECKING:
    from types_aiobotocore_route53 import Route53Client
    from types_aiobotocore_route53.literals import RRTypeType
    from types_aiobotocore_route53.type_defs import (
        ChangeBatchTypeDef,
        ChangeTypeDef,
        ListResourceRecordSetsRequestTypeDef,
        ListResourceRecordSetsResponseTypeDef,
    )

_RETRY_AFTER_S = (0.25, 0.5, 1.0, 2.0)


class Route53RecordSets:
    """Implements the RecordSets port."""

    def __init__(self, client: Route53Client, calls: AwsCalls, clock: Clock) -> None:
        self._client = client
        self._calls = calls
        self._clock = clock

    async def read(self, hosted_zone_id: str) -> tuple[RecordSet, ...]:
        """All record sets, PENDING changes included; consistent only within a page of 300."""
        found: list[RecordSet] = []
        request = _request(hosted_zone_id, None)
        while True:
            page = await self._page(request)
            found += map(record_set_of, page["ResourceRecordSets"])
            if (start := _next(page)) is None:
                return tuple(found)
            request = _request(hosted_zone_id, start)

    async def read_runs(self, hosted_zone_id: str, runs: Sequence[Run]) -> ZoneListing:
        """The record sets of these runs, in as few pages as `planning.levers.run_walk` needs."""
        walk = RunWalk(runs)
        while walk.start is not None:
            page = await self._page(_request(hosted_zone_id, walk.start))
            walk.take(
                RecordPage(tuple(map(record_set_of, page["ResourceRecordSets"])), _next(page))
            )
        return walk.listing

    async def change(
        self, hosted_zone_id: str, changes: Sequence[WeightChange], *, emergency: bool
    ) -> Outcome:
        """Apply all changes or none. A throttled emergency is sent up to five times.

        A batch that Route 53 would refuse is not sent. An unknown outcome is never retried.
        """
        started = self._clock.monotonic()
        invalid_reason = _invalid_reason(changes)
        if invalid_reason:
            return Outcome(OutcomeStatus.REFUSED, f"not sent: {invalid_reason}")
        outcome = await self._send(hosted_zone_id, _batch(changes), emergency)
        sent = 1
        for pause_s in _RETRY_AFTER_S:
            if not (emergency and outcome.throttled):
                break
            await self._clock.sleep(pause_s)
            outcome = await self._send(hosted_zone_id, _batch(changes), emergency)
            sent += 1
        took_s = self._clock.monotonic() - started
        return replace(outcome, took_s=took_s, detail=_with_retries(outcome, sent, took_s))

    async def is_insync(self, change_id: str) -> bool:
        """Whether all of Route 53's name servers answer with the change."""
        answer = await self._calls.ask("GetChange", lambda: self._client.get_change(Id=change_id))
        return answer["ChangeInfo"]["Status"] == "INSYNC"

    async def _page(
        self, request: ListResourceRecordSetsRequestTypeDef
    ) -> ListResourceRecordSetsResponseTypeDef:
        return await self._calls.ask(
            "ListResourceRecordSets", lambda: self._client.list_resource_record_sets(**request)
        )

    async def _send(
        self, hosted_zone_id: str, batch: ChangeBatchTypeDef, emergency: bool
    ) -> Outcome:
        try:
            async with self._calls.limited("ChangeResourceRecordSets", emergency=emergency):
                answer = await self._client.change_resource_record_sets(
                    HostedZoneId=hosted_zone_id, ChangeBatch=batch
                )
        except AWS_ERRORS as error:
            if await self._calls.renewed(error):
                return await self._send(hosted_zone_id, batch, emergency)
            return self._calls.outcome(error)
        change_id = answer["ChangeInfo"]["Id"].removeprefix("/change/")
        return Outcome(OutcomeStatus.APPLIED, change_id=change_id)


def _with_retries(outcome: Outcome, sent: int, took_s: float) -> str:
    """The outcome's detail, with the number of attempts if there were several."""
    if sent == 1:
        return outcome.detail
    retries = f"sent {sent} times in {took_s:.1f} s because it was throttled"
    return f"{outcome.detail} ({retries})" if outcome.detail else retries


def _next(page: ListResourceRecordSetsResponseTypeDef) -> Start | None:
    """Where the next page begins.

    It names an identifier only if it begins within a group of weighted or geolocation records.
    """
    if not page["IsTruncated"]:
        return None
    return Start(page["NextRecordName"], page["NextRecordType"], page.get("NextRecordIdentifier"))


def _request(hosted_zone_id: str, start: Start | None) -> ListResourceRecordSetsRequestTypeDef:
    request: ListResourceRecordSetsRequestTypeDef
    request = {"HostedZoneId": hosted_zone_id, "MaxItems": str(PAGE_SIZE)}
    if start is None:
        return request
    request["StartRecordName"] = start.name
    if start.type is not None:
        request["StartRecordType"] = cast("RRTypeType", start.type)
    if start.set_identifier is not None:
        request["StartRecordIdentifier"] = start.set_identifier
    return request


def _invalid_reason(changes: Sequence[WeightChange]) -> str:
    """Why Route 53 would refuse the changes; empty if it would not."""
    if not changes:
        return "there is nothing to change"
    for change in changes:
        record = change.record
        what = f"{record.name} {record.type} {record.set_identifier or 'without identifier'}"
        if record.weight is None or record.set_identifier is None:
            return f"{what} is not a weighted record set"
        if not 0 <= change.weight <= 255:
            return f"weight {change.weight} of {what} is outside 0 to 255"
    size = size_of(change.record for change in changes)
    if size.elements > MAX_ELEMENTS:
        return f"{size.elements} record elements in one batch; Route 53 takes {MAX_ELEMENTS}"
    if size.characters > MAX_CHARACTERS:
        return f"{size.characters} characters of values; Route 53 takes {MAX_CHARACTERS}"
    return ""


def _batch(changes: Sequence[WeightChange]) -> ChangeBatchTypeDef:
    swaps = [entry for change in changes for entry in _swap(change)]
    return {"Comment": "Global Traffic Controller: weights", "Changes": swaps}


def _swap(change: WeightChange) -> tuple[ChangeTypeDef, ChangeTypeDef]:
    new = replace(change.record, weight=change.weight)
    return (
        {"Action": "DELETE", "ResourceRecordSet": request_of(change.record)},
        {"Action": "CREATE", "ResourceRecordSet": request_of(new)},
    )
