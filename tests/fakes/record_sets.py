"""Hosted zones in memory that accept and refuse what Route 53 does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from controller.model.errors import ProviderRejectedError
from controller.model.levers import Outcome, OutcomeStatus, RecordSet, WeightChange
from controller.planning.residency.zone_listings import Run, ZoneListing
from tests.fakes.trouble import Trouble
from tests.planning.levers.aws_order import in_aws_order

Key = tuple[str, str, str | None]


class FakeRecordSets:
    """Fulfils RecordSets. A batch is compared exactly and applied as a whole or not at all.

    Can be told:
    - everything `trouble` can be told (see tests.fakes.trouble);
    - `hold_insync`: no change becomes INSYNC while it is set;
    - `put(zone, record)`, `remove(zone, record)`: manual edits.
    It notes calls: `reads` (zone ids; readings of runs, too), `runs_read` (zone id, runs), `writes`
    (zone id, changes, emergency; attempted).
    """

    def __init__(self, zones: Mapping[str, Iterable[RecordSet]]) -> None:
        self._zones = {zone: {_key(r): r for r in records} for zone, records in zones.items()}
        self.trouble = Trouble()
        self.hold_insync = False
        self.reads: list[str] = []
        self.runs_read: list[tuple[str, tuple[Run, ...]]] = []
        self.writes: list[tuple[str, tuple[WeightChange, ...], bool]] = []
        self._changes = 0

    def put(self, zone: str, record: RecordSet) -> None:
        self._zones[zone][_key(record)] = record

    def remove(self, zone: str, record: RecordSet) -> None:
        del self._zones[zone][_key(record)]

    def stored(self, zone: str) -> tuple[RecordSet, ...]:
        """What the zone holds, without asking it."""
        return tuple(self._zones[zone].values())

    async def read(self, hosted_zone_id: str) -> tuple[RecordSet, ...]:
        self.reads.append(hosted_zone_id)
        self.trouble.question()
        if hosted_zone_id not in self._zones:
            raise ProviderRejectedError(f"NoSuchHostedZone: no zone {hosted_zone_id}")
        return tuple(in_aws_order(self._zones[hosted_zone_id].values()))

    async def read_runs(self, hosted_zone_id: str, runs: Sequence[Run]) -> ZoneListing:
        """In one page, whatever they hold."""
        self.runs_read.append((hosted_zone_id, tuple(runs)))
        zone = await self.read(hosted_zone_id)
        found = [record for run in runs for record in _shown(zone, run)]
        return ZoneListing(tuple(dict.fromkeys(found)), 1)

    async def change(
        self, hosted_zone_id: str, changes: Sequence[WeightChange], *, emergency: bool
    ) -> Outcome:
        self.writes.append((hosted_zone_id, tuple(changes), emergency))
        fault = _fault(changes)
        if fault:
            return Outcome(OutcomeStatus.REFUSED, f"not sent: {fault}")
        return self.trouble.write(lambda: self._apply(hosted_zone_id, changes))

    async def is_insync(self, change_id: str) -> bool:
        self.trouble.question()
        if not change_id.startswith("C"):
            raise ProviderRejectedError(f"NoSuchChange: no change {change_id}")
        return not self.hold_insync

    def _apply(self, zone: str, changes: Sequence[WeightChange]) -> Outcome:
        if zone not in self._zones:
            return Outcome(OutcomeStatus.REFUSED, f"NoSuchHostedZone: no zone {zone}")
        draft = dict(self._zones[zone])
        for change in changes:
            key = _key(change.record)
            if draft.get(key) != change.record:
                detail = f"InvalidChangeBatch: {key} is not what was to be deleted"
                return Outcome(OutcomeStatus.REFUSED, detail)
            draft[key] = replace(change.record, weight=change.weight)
        self._zones[zone] = draft
        self._changes += 1
        return Outcome(OutcomeStatus.APPLIED, change_id=f"C{self._changes}")


def _key(record: RecordSet) -> Key:
    return record.name, record.type, record.set_identifier


def _shown(zone: Sequence[RecordSet], run: Run) -> list[RecordSet]:
    held = [record for record in zone if run.holds(record.name)]
    return held or [record for record in zone if record.name.endswith(f".{run.name}")][:1]


def _fault(changes: Sequence[WeightChange]) -> str:
    if not changes:
        return "there is nothing to change"
    if any(change.record.weight is None for change in changes):
        return "not a weighted record set"
    if not all(0 <= change.weight <= 255 for change in changes):
        return "a weight is outside 0 to 255"
    values = [_values(change.record) for change in changes]
    if sum(2 * max(1, len(each)) for each in values) > 1_000:
        return "too many record elements"
    characters = sum(2 * len(value) for each in values for value in each)
    return "too many characters of values" if characters > 32_000 else ""


def _values(record: RecordSet) -> list[str]:
    return [one["Value"] for one in json.loads(record.rest).get("ResourceRecords", [])]
