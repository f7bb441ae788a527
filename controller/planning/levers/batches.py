"""Batches of one hosted zone's changes: first-fit bin packing by Route 53's limits.

ChangeResourceRecordSets takes at most 1,000 ResourceRecord elements and 32,000 characters in all
their `Value` elements (Developer Guide, *Quotas*). A weight is changed by a DELETE and a CREATE of
the record, so each of its values counts twice. An alias has no ResourceRecord element; it is
counted as one, because the documentation does not say that it is free.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import chain
from typing import NamedTuple

from controller.model.decision import PoolName
from controller.model.levers import Change, RecordSet, WeightChange
from controller.planning.levers.write_steps import WritesByChange, WriteStep

MAX_ELEMENTS = 1_000
MAX_CHARACTERS = 32_000
_DELETE_AND_CREATE = 2


class BatchSize(NamedTuple):
    """What Route 53 counts of a batch."""

    elements: int = 0
    characters: int = 0

    @property
    def fits(self) -> bool:
        """Whether one batch may hold it."""
        return self.elements <= MAX_ELEMENTS and self.characters <= MAX_CHARACTERS

    def plus(self, other: BatchSize) -> BatchSize:
        """The sum of both."""
        return BatchSize(self.elements + other.elements, self.characters + other.characters)


WeightChanges = WritesByChange[WeightChange]
"""Changes of one zone, each with its weight changes of records."""
WeightBatch = WriteStep[WeightChange]
"""One request; a part of a pool if no single batch can hold that pool."""


def size_of(records: Iterable[RecordSet]) -> BatchSize:
    """What a change of these records' weights counts."""
    elements = characters = 0
    for record in records:
        values = [value["Value"] for value in json.loads(record.rest).get("ResourceRecords", ())]
        elements += _DELETE_AND_CREATE * (len(values) or 1)
        characters += _DELETE_AND_CREATE * sum(map(len, values))
    return BatchSize(elements, characters)


def pack_batches(changes: WeightChanges, urgent: Collection[PoolName]) -> list[WeightBatch]:
    """All changes in few batches, those of urgent pools in the first of them.

    The records of a pool stay in one batch, and so change at the same time; each pool goes into the
    first batch that it fits into. A pool that no batch can hold is split by position, in the order
    of its changes: the records of a position stay together.
    """
    shared: list[tuple[BatchSize, WeightChanges]] = []
    split: list[WeightBatch] = []
    pools = changes_by_pool(changes)
    urgent_first = sorted(pools, key=lambda pool: pool not in urgent)
    for pool in urgent_first:
        size = _size(pools[pool])
        if not size.fits:
            split += [WriteStep(part, pool) for part in _split_by_size(pools[pool])]
            continue
        first_fit = next((i for i, (used, _) in enumerate(shared) if used.plus(size).fits), None)
        if first_fit is None:
            shared.append((size, pools[pool]))
        else:
            used, packed = shared[first_fit]
            shared[first_fit] = (used.plus(size), {**packed, **pools[pool]})
    whole = [WriteStep(packed) for _, packed in shared]
    first = [batch for batch in split if batch.split_pool in urgent]
    return [*first, *whole, *(batch for batch in split if batch.split_pool not in urgent)]


def changes_by_pool(
    changes: WeightChanges,
) -> dict[PoolName, dict[Change, tuple[WeightChange, ...]]]:
    """Pool to its changes, in their order."""
    pools: defaultdict[PoolName, dict[Change, tuple[WeightChange, ...]]] = defaultdict(dict)
    for change, writes in changes.items():
        pools[change.position.service, change.position.pool][change] = writes
    return pools


def _split_by_size(changes: WeightChanges) -> list[WeightChanges]:
    """As many changes in each part as fit; a change that no batch can hold is a part by itself."""
    parts: list[dict[Change, tuple[WeightChange, ...]]] = []
    used = BatchSize()
    for change, writes in changes.items():
        size = _size({change: writes})
        if not parts or not used.plus(size).fits:
            parts.append({})
            used = BatchSize()
        parts[-1][change] = writes
        used = used.plus(size)
    return list(parts)


def _size(changes: WeightChanges) -> BatchSize:
    return size_of(write.record for write in chain.from_iterable(changes.values()))
