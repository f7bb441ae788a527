"""Which region an answer leads to, by everything the zone says of it.

- An AWS resource says it in its own name (`….eu-west-1.elb.amazonaws.com`). One that does not, such
  as an accelerator or a CloudFront distribution, is of no one region; nor is a name that is not
  Amazon's, whatever it is called.
- An address is held against the unsteered names `<region>.<service>` where these exist: what they
  say outranks what a leaf claims by its SetIdentifier. An address that they do not know is believed
  to be where its leaf claims.
- An HTTPS record leads on by its target and its address hints (RFC 9460, 2.4 and 7.3), of which
  nothing tells the region; target `.` without hints leads nowhere else.
- What other name servers answer nothing tells.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import product

from controller.model.configuration import Route53Lever, Service
from controller.planning.residency.route53_answers import DELEGATION, AnswerRecord, Zone

TYPES = ("A", "AAAA", "HTTPS")
"""What clients ask for on their way to a server."""
_ADDRESSES = ("A", "AAAA")
_AMAZON = (".amazonaws.com.", ".amazonaws.com.cn.")
_REGION = re.compile(r"(?:^|\.)([a-z]{2}(?:-[a-z]+)+-\d)(?=\.)")
"""A region's name as one label of a longer name."""


class AnswerRegions:
    """The regions of one service, as its zone tells them."""

    def __init__(self, zone: Zone, service: Service, lever: Route53Lever) -> None:
        self._homes: dict[str, dict[str, str]] = defaultdict(dict)
        """Destination to the regions whose unsteered name leads there, with that name."""
        self._checks: dict[str, str] = {}
        """Health check to the region whose leaves have it."""
        for region, type_ in product(service.regions, _ADDRESSES):
            name = f"{region}.{lever.name}"
            for record in zone.group(name, type_):
                for destination in _destinations(record):
                    self._homes[destination][region] = name
        for pool, type_ in product(service.pools, _ADDRESSES):
            for leaf in zone.group(lever.leaf_name(pool), type_):
                if leaf.check is not None and leaf.set_identifier is not None:
                    self._checks[leaf.check] = leaf.set_identifier

    def of(self, record: AnswerRecord) -> Iterator[tuple[str | None, str]]:
        """Each destination's region, None if nothing tells it, and the destination in words."""
        if record.type == DELEGATION:
            yield None, f"whatever the name servers {', '.join(record.values)} answer"
            return
        if record.type == "HTTPS" and record.target is None:
            yield from ((None, value) for value in record.values if _leads_on(value))
            return
        for destination in _destinations(record):
            owners = self._homes.get(destination, {})
            if owners:
                for owner, name in owners.items():
                    known = owner == _claimed(record)
                    yield owner, destination if known else f"{destination}, as {name} has it"
            elif record.target is not None:
                yield _named(record), destination
            else:
                yield _claimed(record), destination

    def of_signal(self, signal: str) -> str:
        """The region a health check stands for; what stands for none is named itself."""
        return self._checks.get(signal, signal)


def _named(record: AnswerRecord) -> str | None:
    """The region in the name of the AWS resource that a record leads to."""
    target = str(record.target)
    amazons = record.is_alias or target.endswith(_AMAZON)
    found = _REGION.search(target) if amazons else None
    return found and found[1]


def _leads_on(value: str) -> bool:
    """Whether an HTTPS record's value sends its readers to another name or address."""
    _, target, *parameters = value.split()
    hinted = any(one.startswith(("ipv4hint=", "ipv6hint=")) for one in parameters)
    return target != "." or hinted


def _claimed(record: AnswerRecord) -> str | None:
    """The region that a leaf, or an unsteered name, says it is of."""
    says = f"{record.set_identifier}." if record.weight is not None else record.name
    found = _REGION.match(says)
    return found and found[1]


def _destinations(record: AnswerRecord) -> tuple[str, ...]:
    return (record.target,) if record.target is not None else record.values or ("no value",)
