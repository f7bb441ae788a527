"""A zone that others share must not cost by what they keep there.

Sources: external-dns #905 and #1293, octodns #96, ministryofjustice/cloud-platform #4608. There,
tools that list a whole zone at every turn used up the account's five requests a second, and
everybody's changes failed with `Throttling`, as soon as the zone had grown to thousands of records.
"""

from __future__ import annotations

import pytest

from tests.loops.zone_of_many import APEX, ManyRecords, settings_at

pytestmark = pytest.mark.looptime


async def test_a_calm_cycle_takes_two_pages_at_most_of_a_zone_with_10_000_foreign_records() -> None:
    """Of services below the apex and at it, once the whole zone has been read: that is 34 pages.

    They are seen just as well.
    """
    zone = ManyRecords(settings_at(f"app.{APEX}", APEX), foreign=10_000)
    first = await zone.cycle()
    seen = zone.observation.observed()
    calm = [await zone.cycle() for _ in range(5)]

    assert first == 34
    assert set(calm) <= {1, 2}
    after = zone.observation.observed()
    for name in ("app0", "app1"):
        assert after[name].leaks == {"eu": ()}
        assert (after[name].settings, after[name].faults) == (
            seen[name].settings,
            seen[name].faults,
        )
        assert len(after[name].settings) == 5
