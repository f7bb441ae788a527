"""Whether nobody would be open in a pool after a write: the last look before it is sent.

`decide` never asks for that. Should it ever, it must not be sent, for nothing at AWS is "off":
weights that are all zero are equal ones to Route 53, and an accelerator whose groups are all closed
sends users to any of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from controller.model.levers import EndpointGroup, RecordSet, Setting
from controller.planning.tree import listener_of

Open = Mapping[str, Mapping[str, bool]]
"""Region to its parts (A and AAAA, or one group per listener) and whether each is open."""


def is_emptied(pool: Open) -> bool:
    """Whether all parts of one kind are closed, so that its users have nowhere to go.

    A kind that the open regions lack altogether is let pass: a missing record or group is a fault
    that no write mends, and users of the other kind must get away from a dead region all the same.
    """
    serving = [parts for parts in pool.values() if any(parts.values())]
    kinds = {kind for parts in pool.values() for kind in parts}
    return not serving or any(
        all(kind in parts for parts in serving)
        and not any(parts.get(kind) for parts in pool.values())
        for kind in kinds
    )


def open_leaves(leaves: Mapping[str, Iterable[RecordSet]], wanted: Mapping[str, Setting]) -> Open:
    """A pool's leaves by region once `wanted` (by region) is written."""
    return {
        region: {
            leaf.type: bool(wanted[region].weight if region in wanted else leaf.weight)
            for leaf in twins
        }
        for region, twins in leaves.items()
    }


def open_groups(
    regions: Collection[str], groups: Iterable[EndpointGroup], wanted: Mapping[str, Setting]
) -> Open:
    """A pool's groups by region once `wanted` (by ARN of the group) is written.

    A group without endpoints serves nobody and cannot be opened: it is as good as missing.
    """
    found: dict[str, dict[str, bool]] = {region: {} for region in regions}
    for group in groups:
        if group.region in found and group.endpoints:
            setting = wanted.get(group.arn) or _setting(group)
            found[group.region][listener_of(group)] = is_open(setting)
    return found


def is_open(setting: Setting) -> bool:
    """Whether a position that is set so serves anybody."""
    return setting.weight > 0 and setting.dial != 0


def _setting(group: EndpointGroup) -> Setting:
    return Setting(max(endpoint.weight for endpoint in group.endpoints), group.dial)
