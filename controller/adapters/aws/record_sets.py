"""Route 53's ResourceRecordSet as our noun, and back, without losing a property.

What we steer or read has a field of its own; everything else travels in `rest` as canonical JSON
(keys sorted, no blanks), so that equal record sets are equal nouns and a DELETE repeats them
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

_FIELDS = frozenset({"Name", "Type", "SetIdentifier", "Weight", "HealthCheckId"})


def noun(listed: ResourceRecordSetOutputTypeDef) -> RecordSet:
    """The record set as listed by AWS."""
    rest = {name: value for name, value in listed.items() if name not in _FIELDS}
    return RecordSet(
        name=listed["Name"],
        type=listed["Type"],
        set_identifier=listed.get("SetIdentifier"),
        weight=listed.get("Weight"),
        health_check_id=listed.get("HealthCheckId"),
        rest=json.dumps(rest, sort_keys=True, separators=(",", ":")),
    )


def as_sent(record: RecordSet) -> ResourceRecordSetTypeDef:
    """The record set as AWS takes it."""
    fields = {
        "Name": record.name,
        "Type": record.type,
        "SetIdentifier": record.set_identifier,
        "Weight": record.weight,
        "HealthCheckId": record.health_check_id,
    }
    present = {name: value for name, value in fields.items() if value is not None}
    # The properties come from AWS's own listing, whose member names are those of the request.
    return cast("ResourceRecordSetTypeDef", present | _rest(record))


def _rest(record: RecordSet) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(record.rest))
