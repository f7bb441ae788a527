"""Orders of which nothing is configured any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.model.overrides import Override, OverrideKind
from controller.planning.void_orders import void_orders, void_reason
from tests.loops.small import EAST, WEST, accelerated, small, weighted

AT = datetime(2026, 6, 1, tzinfo=UTC)
SETTINGS = small(services={"shop": weighted(), "api": accelerated()})
DRAIN = Override(7, OverrideKind.DRAIN, WEST, None, "ann", "INC-42", AT, AT)
FREEZE = replace(DRAIN, kind=OverrideKind.FREEZE, region=None)


@pytest.mark.parametrize(
    ("override", "why"),
    [
        (DRAIN, None),
        (replace(DRAIN, service="shop"), None),
        (replace(DRAIN, service="shop", pool="world"), None),
        (FREEZE, None),
        (replace(FREEZE, service="shop", pool="world"), None),
        (replace(DRAIN, region="gone"), "no region gone is configured"),
        (replace(DRAIN, service="gone"), "no service gone is configured"),
        (replace(FREEZE, service="gone"), "no service gone is configured"),
        (
            replace(DRAIN, service="shop", region="gone"),
            "no region gone of service shop is configured",
        ),
        (
            replace(DRAIN, service="shop", pool="gone"),
            "no pool gone of service shop is configured",
        ),
        (
            replace(DRAIN, service="shop", pool="world", region="gone"),
            "no region gone of pool world of service shop is configured",
        ),
    ],
)
def test_an_order_is_void_when_what_it_speaks_of_is_not_configured(
    override: Override, why: str | None
) -> None:
    """The first thing that is missing is named."""
    assert void_reason(override, SETTINGS) == why
    assert void_orders([override], SETTINGS) == ({7: why} if why else {})


def test_an_order_for_all_services_is_obeyed_while_one_has_the_region() -> None:
    """As when it was given."""
    one_region = weighted()
    one_region["regions"] = {EAST: one_region["regions"][EAST]}
    one_region["pools"]["world"]["regions"] = [EAST]
    settings = small(services={"shop": one_region, "api": accelerated()})

    assert void_reason(DRAIN, settings) is None
