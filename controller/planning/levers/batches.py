"""Which changes of one hosted zone go into one batch, by what Route 53 counts.

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
        """Both together."""
        return BatchSize(self.elements + other.elements, self.characters + other.characters)


WeightChanges = WritesByChange[WeightChange]
"""Changes of one zone with what each means for its records."""
WeightBatch = WriteStep[WeightChange]
"""What is sent in one request; part of a pool if no single batch can hold that."""


def size_of(records: Iterable[RecordSet]) -> BatchSize:
    """What changing the weights of these records counts."""
    elements = characters = 0
    for record in records:
        values = [one["Value"] for one in json.loads(record.rest).get("ResourceRecords", ())]
        elements += _DELETE_AND_CREATE * (len(values) or 1)
        characters += _DELETE_AND_CREATE * sum(map(len, values))
    return BatchSize(elements, characters)


def pack_batches(elements: WeightChanges, urgent: Collection[PoolName]) -> list[WeightBatch]:
    """All changes in few batches, those of urgent pools in the first of them.

    The records of a pool stay in one batch, and so change at the same moment; each pool goes into
    the first batch with room for it. A pool that no batch can hold is split by position, in the
    order of its changes: the records of a position stay together.
    """
    shared: list[tuple[BatchSize, WeightChanges]] = []
    split: list[WeightBatch] = []
    pools = changes_by_pool(elements)
    in_order = sorted(pools, key=lambda pool: pool not in urgent)
    for pool in in_order:
        size = _size(pools[pool])
        if not size.fits:
            split += [WriteStep(part, pool) for part in _parts(pools[pool])]
            continue
        at = next((i for i, (taken, _) in enumerate(shared) if taken.plus(size).fits), None)
        if at is None:
            shared.append((size, pools[pool]))
        else:
            taken, known = shared[at]
            shared[at] = (taken.plus(size), {**known, **pools[pool]})
    whole = [WriteStep(one) for _, one in shared]
    first = [batch for batch in split if batch.part_of in urgent]
    return [*first, *whole, *(batch for batch in split if batch.part_of not in urgent)]


def changes_by_pool(
    elements: WeightChanges,
) -> dict[PoolName, dict[Change, tuple[WeightChange, ...]]]:
    """Pool to its changes, in their order."""
    pools: defaultdict[PoolName, dict[Change, tuple[WeightChange, ...]]] = defaultdict(dict)
    for change, each in elements.items():
        pools[change.position.service, change.position.pool][change] = each
    return pools


def _parts(elements: WeightChanges) -> list[WeightChanges]:
    """As many changes in each part as fit; a change that no batch can hold is one by itself."""
    parts: list[dict[Change, tuple[WeightChange, ...]]] = []
    taken = BatchSize()
    for change, each in elements.items():
        size = _size({change: each})
        if not parts or not taken.plus(size).fits:
            parts.append({})
            taken = BatchSize()
        parts[-1][change] = each
        taken = taken.plus(size)
    return list(parts)


def _size(elements: WeightChanges) -> BatchSize:
    return size_of(one.record for one in chain.from_iterable(elements.values()))
