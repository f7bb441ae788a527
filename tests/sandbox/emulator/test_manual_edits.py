"""Manual edits of a zone."""

import pytest

from controller.sandbox.emulator.faults.kinds import FaultSpec
from controller.sandbox.emulator.manual_edits import ManualEdits
from controller.sandbox.emulator.route53.zones import ZoneStore
from controller.sandbox.errors import SandboxError
from tests.sandbox.emulator.builders import (
    ZONE,
    Clock,
    alias,
    at,
    change,
    listed,
    submit,
    weighted,
    zone_store,
)

LEAF = f"eu.app.{ZONE}"


def store() -> ZoneStore:
    """A zone with two weighted records and an alias to them."""
    zones = zone_store(Clock())
    leaves = [weighted(LEAF, "eu-west-1", 64), weighted(LEAF, "eu-central-1", 64)]
    pointer = at(alias(f"app.{ZONE}", LEAF), CountryCode="*")
    submit(zones, *(change("CREATE", record) for record in (*leaves, pointer)))
    return zones


def weights(zones: ZoneStore) -> dict[str, int]:
    """Set identifier to weight."""
    return {r["SetIdentifier"]: r["Weight"] for r in listed(zones) if "Weight" in r}


def test_an_edit_changes_one_weighted_record_only() -> None:
    """The named one, or the first weighted record."""
    zones = store()
    ManualEdits(zones).edit(
        FaultSpec("hand-edit", record=LEAF, set_identifier="eu-west-1", weight=7)
    )
    assert weights(zones) == {"eu-west-1": 7, "eu-central-1": 64}
    ManualEdits(zones).edit(FaultSpec("hand-edit", weight=9))
    assert weights(zones) == {"eu-west-1": 7, "eu-central-1": 9}


def test_deleted_records_are_restored() -> None:
    """Every record except SOA and NS is deleted, aliases first, and restored, aliases last."""
    zones = store()
    before = listed(zones)
    deleted = ManualEdits(zones).empty()
    assert listed(zones) == []
    ManualEdits(zones).restore(deleted)
    assert listed(zones) == before


def test_a_record_that_exists_again_is_not_restored() -> None:
    """The work of an operator who repaired the zone is not overwritten."""
    zones = store()
    deleted = ManualEdits(zones).delete(
        FaultSpec("delete-record", record=LEAF, set_identifier="eu-west-1")
    )
    assert weights(zones) == {"eu-central-1": 64}
    submit(zones, change("CREATE", weighted(LEAF, "eu-west-1", 99)))
    ManualEdits(zones).restore(deleted)
    assert weights(zones) == {"eu-west-1": 99, "eu-central-1": 64}


@pytest.mark.parametrize(
    ("spec", "message", "valid"),
    [
        (FaultSpec("hand-edit", record="x.test", weight=1), "called 'x.test.'", (LEAF,)),
        (
            FaultSpec("hand-edit", record=LEAF, set_identifier="mars", weight=1),
            "no set identifier 'mars'",
            ("eu-central-1", "eu-west-1"),
        ),
    ],
)
def test_what_does_not_exist_is_answered_with_what_does(
    spec: FaultSpec, message: str, valid: tuple[str, ...]
) -> None:
    """Names and identifiers of weighted records."""
    with pytest.raises(SandboxError, match=message) as caught:
        ManualEdits(store()).edit(spec)
    assert caught.value.valid == valid


def test_without_a_weighted_record_there_is_nothing_to_edit() -> None:
    """The error says so."""
    with pytest.raises(SandboxError, match="no zone has a weighted record"):
        ManualEdits(zone_store(Clock())).edit(FaultSpec("hand-edit", weight=1))
