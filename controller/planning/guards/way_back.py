"""What keeps traffic that leaves a region from coming back, and what never leaves it.

From a pool that is misconfigured, or whose residency is not proven, only urgent drains go on, and
nothing comes back until that is mended. A region whose records of other types stay weighted goes on
being answered for these types. Both are said before a drain: in its preview and the order's answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from controller.model.decision import Decision, Held, Hold, PoolName, Snapshot
from controller.model.levers import LeverState, Observed, Position
from controller.model.overrides import Override, OverrideKind
from controller.model.plural import counted
from controller.planning.drift import format_state
from controller.planning.levers.record_tree import unsteered_text
from controller.planning.residency.proof import describe_leak

_ONE_WAY = "what leaves a region here does not come back before that is mended"
_EMPTYING = (OverrideKind.DRAIN, OverrideKind.FAILOVER)


def standing_holds(snapshot: Snapshot, service: str, pool: str) -> tuple[Held, ...]:
    """The holds of a pool by what AWS shows of it, whether or not it has changes."""
    holds = (leak_refusal(snapshot, service, pool), fault_hold(snapshot, service, pool))
    return tuple(held for held in holds if held is not None)


def leak_refusal(snapshot: Snapshot, service: str, pool: str) -> Held | None:
    """The hold of a bound pool with leaks; None without leaks."""
    leaks = snapshot.observed[service].leaks.get(pool, ())
    if not leaks:
        return None
    if all(leak.unread is not None for leak in leaks):
        return Held(Hold.RESIDENCY, describe_leak(leaks[0]))
    ways = counted(len(leaks), "way")
    return Held(Hold.RESIDENCY, f"{ways} out of the lawful regions; {describe_leak(leaks[0])}")


def fault_hold(snapshot: Snapshot, service: str, pool: str) -> Held | None:
    """The hold of a pool with faults; None without faults."""
    faults = snapshot.observed[service].faults.get(pool, ())
    return Held(Hold.MISCONFIGURED, f"{'; '.join(faults)} ({_ONE_WAY})") if faults else None


def with_unexplained_parts(
    observed: Observed, expected: Mapping[Position, tuple[LeverState, ...]]
) -> Observed:
    """With a fault for each position whose parts differ when it is seen for the first time.

    What stands there may be meant so, or half of a drain that nobody remembers: it is neither
    finished nor put right, but for an urgent drain.
    """
    faults = dict(observed.faults)
    for position in sorted(observed.unequal):
        if not expected.get(position):
            states = observed.parts.get(position, (observed.settings[position],))
            seen = " and ".join(map(format_state, states))
            text = (
                f"the A and AAAA records, or the listeners' groups, of {position.region} differ "
                f"({seen}), and which of them is meant was never seen: make them alike"
            )
            faults[position.pool] = (*faults.get(position.pool, ()), text)
    return replace(observed, faults=faults) if faults != observed.faults else observed


def plan_warnings(snapshot: Snapshot, decision: Decision) -> tuple[str, ...]:
    """The warnings about the positions that the decision would close now."""
    closing = [c.position for c in decision.changes if c.before.is_open and not c.after.is_open]
    return tuple(text for position in closing for text in _warnings(snapshot, position))


def order_warnings(snapshot: Snapshot, order: Override) -> tuple[str, ...]:
    """The warnings about the positions that the order empties; none for other kinds of orders."""
    if order.kind not in _EMPTYING:
        return ()
    return tuple(
        text
        for service, pool in _pools(snapshot, order)
        for text in _warnings(snapshot, Position(service, pool, str(order.region)))
    )


def _pools(snapshot: Snapshot, order: Override) -> Iterator[PoolName]:
    """The pools that have the order's region and that it applies to."""
    for name, service in snapshot.settings.services.items():
        for pool, settings in service.pools.items():
            if order.region in settings.regions and order.applies_to(name, pool=pool):
                yield name, pool


def _warnings(snapshot: Snapshot, position: Position) -> Iterator[str]:
    service, pool, region = position
    observed = snapshot.observed.get(service)
    if observed is None:
        return
    for held in standing_holds(snapshot, service, pool):
        why = f"{held.reason.value}: {held.detail}"
        yield f"{service}/{pool}: {region} does not come back by itself, {why}"
    if shares := observed.unsteered.get(position):
        yield (
            f"{service}/{pool}: {unsteered_text(shares)} go on leading to {region}: these records "
            "are not steered"
        )
