"""Which region an answer leads to, by everything in the zone that says so.

- An AWS resource has its region in its name (`….eu-west-1.elb.amazonaws.com`). Where it has none
  (an accelerator, a CloudFront distribution), and for names that are not Amazon's, the region is
  unknown.
- An address is compared with the unsteered names `<region>.<service>`, where these exist: they
  outrank a leaf's SetIdentifier. An address that they lack is believed to be in the region of its
  leaf's SetIdentifier.
- An HTTPS record leads on by its target and its address hints (RFC 9460, 2.4 and 7.3), whose region
  is unknown; target `.` without hints leads nowhere else.
- What other name servers answer is unknown.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import product

from controller.model.configuration import Route53Lever, Service
from controller.planning.residency.route53_answers import DELEGATION, AnswerRecord, Zone

TYPES = ("A", "AAAA", "HTTPS")
"""Record types that clients query to find a server."""
_ADDRESSES = ("A", "AAAA")
_AMAZON = (".amazonaws.com.", ".amazonaws.com.cn.")
_REGION = re.compile(r"(?:^|\.)([a-z]{2}(?:-[a-z]+)+-\d)(?=\.)")
"""A region's name as one label of a longer name."""


class AnswerRegions:
    """Finds the region of an answer, by the zone of one service."""

    def __init__(self, zone: Zone, service: Service, lever: Route53Lever) -> None:
        self._unsteered: dict[str, dict[str, str]] = defaultdict(dict)
        """Destination to region to the unsteered name that leads there."""
        self._region_by_check: dict[str, str] = {}
        """Health check's id to the region whose leaves have it."""
        for region, type_ in product(service.regions, _ADDRESSES):
            name = f"{region}.{lever.name}"
            for record in zone.records_at(name, type_):
                for destination in _destinations(record):
                    self._unsteered[destination][region] = name
        for pool, type_ in product(service.pools, _ADDRESSES):
            for leaf in zone.records_at(lever.leaf_name(pool), type_):
                if leaf.health_check_id is not None and leaf.set_identifier is not None:
                    self._region_by_check[leaf.health_check_id] = leaf.set_identifier

    def regions_of(self, record: AnswerRecord) -> Iterator[tuple[str | None, str]]:
        """Per destination of a record: its region (None: unknown) and the destination as text."""
        if record.type == DELEGATION:
            yield None, f"whatever the name servers {', '.join(record.values)} answer"
            return
        if record.type == "HTTPS" and record.target is None:
            yield from ((None, value) for value in record.values if _leads_on(value))
            return
        for destination in _destinations(record):
            unsteered = self._unsteered.get(destination, {})
            if unsteered:
                for region, name in unsteered.items():
                    agrees = region == _claimed_region(record)
                    yield region, destination if agrees else f"{destination}, as {name} has it"
            elif record.target is not None:
                yield _target_region(record), destination
            else:
                yield _claimed_region(record), destination

    def region_or_signal(self, signal: str) -> str:
        """The region whose leaves have this health check; else the signal itself."""
        return self._region_by_check.get(signal, signal)


def _target_region(record: AnswerRecord) -> str | None:
    """The region in the name of the AWS resource that a record leads to."""
    target = str(record.target)
    is_amazons = record.is_alias or target.endswith(_AMAZON)
    found = _REGION.search(target) if is_amazons else None
    return found and found[1]


def _leads_on(value: str) -> bool:
    """Whether an HTTPS record's value sends clients to another name or address."""
    _, target, *parameters = value.split()
    has_hint = any(p.startswith(("ipv4hint=", "ipv6hint=")) for p in parameters)
    return target != "." or has_hint


def _claimed_region(record: AnswerRecord) -> str | None:
    """The region in a leaf's SetIdentifier, or in an unsteered name."""
    label = f"{record.set_identifier}." if record.weight is not None else record.name
    found = _REGION.match(label)
    return found and found[1]


def _destinations(record: AnswerRecord) -> tuple[str, ...]:
    return (record.target,) if record.target is not None else record.values or ("no value",)
