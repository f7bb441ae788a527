"""Somebody else's hands in the hosted zones: a person in the console, or another controller.

They use the operations of the API, past the gateway: neither counted nor hindered by faults.
"""

from collections.abc import Sequence
from dataclasses import replace

from controller.sandbox.emulator.faults.kinds import FaultSpec
from controller.sandbox.emulator.route53.records import RecordSet, normal_name, record_to_result
from controller.sandbox.emulator.route53.zones import ZoneStore
from controller.sandbox.errors import SandboxError

_KEPT = ("SOA", "NS")
Taken = Sequence[tuple[str, RecordSet]]
"""Zone ids and records that were in them."""


class ManualEdits:
    """Edits, deletes and puts back records of any zone."""

    def __init__(self, zones: ZoneStore) -> None:
        self._zones = zones

    def edit(self, spec: FaultSpec) -> None:
        """Give the named weighted record (A and AAAA) the weight, where it has another."""
        assert spec.weight is not None
        for zone_id, record in self._leaves(spec):
            if record.weight != spec.weight:
                self._change(zone_id, "UPSERT", [replace(record, weight=spec.weight)])

    def delete(self, spec: FaultSpec) -> Taken:
        """Delete the named weighted record; what was taken."""
        taken = self._leaves(spec)
        for zone_id, record in taken:
            self._change(zone_id, "DELETE", [record])
        return taken

    def empty(self) -> Taken:
        """Delete every record but those a zone must have; what was taken."""
        taken = [(zone, r) for zone, r in self._records() if r.type not in _KEPT]
        # Aliases first: a target may not go while something points to it.
        for zone_id in dict.fromkeys(zone for zone, _ in taken):
            mine = [record for zone, record in taken if zone == zone_id]
            self._change(zone_id, "DELETE", sorted(mine, key=lambda r: r.alias is None))
        return taken

    def put_back(self, taken: Taken) -> None:
        """Create again what is still missing; what has come back meanwhile is left alone."""
        there = {(zone, _key(record)) for zone, record in self._records()}
        missing = [(z, r) for z, r in taken if (z, _key(r)) not in there]
        for zone_id in dict.fromkeys(zone for zone, _ in missing):
            mine = [record for zone, record in missing if zone == zone_id]
            self._change(zone_id, "CREATE", sorted(mine, key=lambda r: r.alias is not None))

    def _leaves(self, spec: FaultSpec) -> Taken:
        """A weighted record's A and AAAA; SandboxError, naming all there are, if it is not."""
        weighted = [(zone, r) for zone, r in self._records() if r.weight is not None]
        if not weighted:
            raise SandboxError("no zone has a weighted record")
        name = normal_name(spec.record) if spec.record else weighted[0][1].name
        named = [(zone, r) for zone, r in weighted if r.name == name]
        if not named:
            valid = tuple(dict.fromkeys(r.name for _, r in weighted))
            raise SandboxError(f"no weighted record is called {name!r}", valid)
        identifier = spec.set_identifier or named[0][1].set_identifier
        found = [(zone, r) for zone, r in named if r.set_identifier == identifier]
        if not found:
            valid = tuple(dict.fromkeys(str(r.set_identifier) for _, r in named))
            raise SandboxError(f"{name} has no set identifier {identifier!r}", valid)
        return found

    def _records(self) -> Taken:
        return [
            (zone_id, record)
            for zone_id, records in self._zones.listed_zones().items()
            for _, record in records.ordered
        ]

    def _change(self, zone_id: str, action: str, records: Sequence[RecordSet]) -> None:
        changes = [{"Action": action, "ResourceRecordSet": record_to_result(r)} for r in records]
        self._zones.change_resource_record_sets(
            {"HostedZoneId": zone_id, "ChangeBatch": {"Changes": changes}}
        )


def _key(record: RecordSet) -> tuple[str, str, str | None]:
    return record.name, record.type, record.set_identifier
