"""Manual edits of hosted zones: by an operator in the console, or by another controller.

They call the operations of the API without the gateway: they are not logged, and faults do not
affect them.
"""

from collections.abc import Sequence
from dataclasses import replace

from controller.sandbox.emulator.faults.kinds import FaultSpec
from controller.sandbox.emulator.route53.records import RecordSet, normal_name, record_to_result
from controller.sandbox.emulator.route53.zones import ZoneStore
from controller.sandbox.errors import SandboxError

_KEPT = ("SOA", "NS")
DeletedRecords = Sequence[tuple[str, RecordSet]]
"""Zone ids and records that were deleted from them."""


class ManualEdits:
    """Edits, deletes and restores records of any zone."""

    def __init__(self, zones: ZoneStore) -> None:
        self._zones = zones

    def edit(self, spec: FaultSpec) -> None:
        """Set the weight of the named weighted record (A and AAAA), if it has another one."""
        assert spec.weight is not None
        for zone_id, record in self._weighted_records(spec):
            if record.weight != spec.weight:
                self._change(zone_id, "UPSERT", [replace(record, weight=spec.weight)])

    def delete(self, spec: FaultSpec) -> DeletedRecords:
        """Delete the named weighted record; return what was deleted."""
        deleted = self._weighted_records(spec)
        for zone_id, record in deleted:
            self._change(zone_id, "DELETE", [record])
        return deleted

    def empty(self) -> DeletedRecords:
        """Delete every record except SOA and NS; return what was deleted."""
        deleted = [(zone, r) for zone, r in self._records() if r.type not in _KEPT]
        # Aliases first: a target cannot be deleted while an alias points to it.
        for zone_id in dict.fromkeys(zone for zone, _ in deleted):
            mine = [record for zone, record in deleted if zone == zone_id]
            self._change(zone_id, "DELETE", sorted(mine, key=lambda r: r.alias is None))
        return deleted

    def restore(self, deleted: DeletedRecords) -> None:
        """Create deleted records again, except those that exist again."""
        existing = {(zone, _key(record)) for zone, record in self._records()}
        missing = [(z, r) for z, r in deleted if (z, _key(r)) not in existing]
        for zone_id in dict.fromkeys(zone for zone, _ in missing):
            mine = [record for zone, record in missing if zone == zone_id]
            self._change(zone_id, "CREATE", sorted(mine, key=lambda r: r.alias is not None))

    def _weighted_records(self, spec: FaultSpec) -> DeletedRecords:
        """The named weighted record (A and AAAA). Raises SandboxError, with the existing names."""
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

    def _records(self) -> DeletedRecords:
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
