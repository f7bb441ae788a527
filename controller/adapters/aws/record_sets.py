"""Conversion between Route 53's ResourceRecordSet and RecordSet, without losing a property.

RecordSet has fields for what the daemon steers or reads. All other properties are in `rest` as
canonical JSON (keys sorted, no blanks): equal record sets compare equal, and a DELETE repeats them
exactly. API Reference, *ResourceRecordSet*.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from controller.model.levers import RecordSet

if TYPE_CHECKING:
    from types_aiobotocore_route53.type_defs import (
        ResourceRecordSetOutputTypeDef,
        ResourceRecordSetTypeDef,
    )

_STEERED_FIELDS = frozenset({"Name", "Type", "SetIdentifier", "Weight", "HealthCheckId"})


def record_set_of(listed: ResourceRecordSetOutputTypeDef) -> RecordSet:
    """The RecordSet of what AWS lists."""
    rest = {name: value for name, value in listed.items() if name not in _STEERED_FIELDS}
    return RecordSet(
        name=listed["Name"],
        type=listed["Type"],
        set_identifier=listed.get("SetIdentifier"),
        weight=listed.get("Weight"),
        health_check_id=listed.get("HealthCheckId"),
        rest=json.dumps(rest, sort_keys=True, separators=(",", ":")),
    )


def request_of(record: RecordSet) -> ResourceRecordSetTypeDef:
    """The record set as AWS accepts it in a request."""
    fields = {
        "Name": record.name,
        "Type": record.type,
        "SetIdentifier": record.set_identifier,
        "Weight": record.weight,
        "HealthCheckId": record.health_check_id,
    }
    present = {name: value for name, value in fields.items() if value is not None}
    # The properties come from AWS's listing, which uses the same member names as the request.
    return cast("ResourceRecordSetTypeDef", present | _rest(record))


def _rest(record: RecordSet) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(record.rest))
