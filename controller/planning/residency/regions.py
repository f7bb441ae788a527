"""Which region an answer leads to, by everything the zone says of it.

- An alias to an AWS resource says it in the resource's own name (`….eu-west-1.elb.amazonaws.com`).
  One that does not, such as an accelerator's or a CloudFront distribution's, is of no one region.
- An address is held against the unsteered names `<region>.<service>` where these exist: what they
  say outranks what a leaf claims by its SetIdentifier. An address that they do not know is believed
  to be where its leaf claims.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import product

from controller.model.configuration import Route53Lever, Service
from controller.planning.residency.answers import Record, Zone

TYPES = ("A", "AAAA")
_REGION = re.compile(r"(?:^|\.)([a-z]{2}(?:-[a-z]+)+-\d)(?=\.)")
"""A region's name as one label of a longer name."""


class Regions:
    """The regions of one service, as its zone tells them."""

    def __init__(self, zone: Zone, service: Service, lever: Route53Lever) -> None:
        self._homes: dict[str, dict[str, str]] = defaultdict(dict)
        """Destination to the regions whose unsteered name leads there, with that name."""
        self._checks: dict[str, str] = {}
        """Health check to the region whose leaves have it."""
        for region, type_ in product(service.regions, TYPES):
            name = f"{region}.{lever.name}"
            for record in zone.group(name, type_):
                for destination in _destinations(record):
                    self._homes[destination][region] = name
        for pool, type_ in product(service.pools, TYPES):
            for leaf in zone.group(lever.leaf_name(pool), type_):
                if leaf.check is not None and leaf.set_identifier is not None:
                    self._checks[leaf.check] = leaf.set_identifier

    def of(self, record: Record) -> Iterator[tuple[str | None, str]]:
        """Each destination's region, None if nothing tells it, and the destination in words."""
        claimed = _claimed(record)
        for destination in _destinations(record):
            owners = self._homes.get(destination, {})
            named = _REGION.search(destination) if record.target is not None else None
            if named is not None:
                yield named[1], destination
            elif claimed in owners or (not owners and not record.is_alias):
                yield claimed, destination
            elif owners:
                for owner, name in owners.items():
                    yield owner, f"{destination}, as {name} has it"
            else:
                yield None, destination

    def of_signal(self, signal: str) -> str:
        """The region a health check stands for; what stands for none is named itself."""
        return self._checks.get(signal, signal)


def _claimed(record: Record) -> str | None:
    """The region that a leaf, or an unsteered name, says it is of."""
    says = f"{record.set_identifier}." if record.weight is not None else record.name
    found = _REGION.match(says)
    return found and found[1]


def _destinations(record: Record) -> tuple[str, ...]:
    return (record.target,) if record.target is not None else record.values or ("no value",)
