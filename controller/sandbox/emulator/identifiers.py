"""Ids of emulated resources, derived from the caller's reference.

AWS's ids are random. Here they follow from CallerReference or IdempotencyToken, so that a
configuration file can name resources that are created later: a reference `id:<value>` gives exactly
that value, any other reference its hash.
"""

import hashlib
from uuid import UUID

_CHOSEN = "id:"


def zone_id(caller_reference: str) -> str:
    """The hosted zone's id, `Z` and capitals and digits."""
    return _chosen(caller_reference) or "Z" + _digest(caller_reference)[:20].upper()


def uuid_id(reference: str) -> str:
    """The id of a health check or an accelerator: a UUID in its usual spelling."""
    return _chosen(reference) or str(UUID(_digest(reference)[:32], version=4))


def short_id(reference: str) -> str:
    """The id of a listener or an endpoint group: twelve hexadecimal digits."""
    return _digest(reference)[:12]


def _chosen(reference: str) -> str:
    return reference.removeprefix(_CHOSEN) if reference.startswith(_CHOSEN) else ""


def _digest(reference: str) -> str:
    return hashlib.sha256(reference.encode()).hexdigest()
