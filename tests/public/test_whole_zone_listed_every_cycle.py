"""A zone that others share must not cost by what they keep there.

Sources: external-dns #905 and #1293, octodns #96, ministryofjustice/cloud-platform #4608. There,
tools that list a whole zone at every turn used up the account's five requests a second, and
everybody's changes failed with `Throttling`, as soon as the zone had grown to thousands of records.
"""

from __future__ import annotations

import pytest

from tests.loops.zone_of_many import APEX, ManyRecords, settings_at

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("name", [f"app.{APEX}", APEX], ids=["below the apex", "at the apex"])
async def test_a_calm_cycle_takes_two_pages_at_most_of_a_zone_with_10_000_foreign_records(
    name: str,
) -> None:
    """Once the whole zone has been read, 34 pages; and it is seen just as well."""
    zone = ManyRecords(settings_at(name), foreign=10_000)
    first = await zone.cycle()
    seen = zone.observation.observed()["app0"]
    calm = [await zone.cycle() for _ in range(5)]

    assert first == 34
    assert max(calm) <= 2
    assert min(calm) >= 1
    after = zone.observation.observed()["app0"]
    assert (after.settings, after.leaks, after.faults) == (seen.settings, {"eu": ()}, seen.faults)
    assert len(after.settings) == 5
