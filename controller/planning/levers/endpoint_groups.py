"""Endpoint groups of one position: their states, their faults, which of them are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.model.configuration import Pool
from controller.model.levers import EndpointGroup, GroupChange, LeverState


def writable_groups(groups: Iterable[EndpointGroup]) -> list[EndpointGroup]:
    """The groups with an endpoint; the others serve no users and are not written.

    All groups where none has an endpoint: AWS's refusal then names the reason.
    """
    all_groups = list(groups)
    return [group for group in all_groups if group.endpoints] or all_groups


def has_state(group: EndpointGroup, dial: float, weights: tuple[int, ...]) -> bool:
    """Whether the group has this dial, and its endpoints these weights."""
    return group.dial == dial and tuple([e.weight for e in group.endpoints]) == weights


def has_weight(group: EndpointGroup) -> bool:
    """Whether some endpoint of the group has a weight."""
    return any(endpoint.weight for endpoint in group.endpoints)


def is_opening(change: GroupChange) -> bool:
    """Whether the write opens some endpoint of the group further."""
    return any(
        _openness(LeverState(weight, change.dial))
        > _openness(LeverState(endpoint.weight, change.group.dial))
        for endpoint, weight in zip(change.group.endpoints, change.weights, strict=True)
    )


def most_open_state(group: EndpointGroup) -> LeverState:
    """The group's dial, and the largest weight of its endpoints."""
    return LeverState(max([e.weight for e in group.endpoints], default=0), group.dial)


def states_of(groups: Iterable[EndpointGroup]) -> tuple[LeverState, ...]:
    """The states of one region's groups that differ for users, the most open first."""
    states = {most_open_state(group) for group in writable_groups(groups)}
    found: list[LeverState] = []
    for state in sorted(states, key=_openness, reverse=True):
        if not any(state.is_same_for_users(other) for other in found):
            found.append(state)
    return tuple(found)


def group_faults(pool_name: str, pool: Pool, groups: tuple[EndpointGroup, ...]) -> Iterator[str]:
    """What is missing, empty or unlawful among the groups of all listeners."""
    listeners = dict.fromkeys(group.listener for group in groups)
    for region in pool.regions:
        mine = [group for group in groups if group.region == region]
        present = {group.listener for group in mine}
        lacking = [listener for listener in listeners if listener not in present]
        if not mine:
            yield f"endpoint group {region} is missing"
            continue
        yield from (f"endpoint group {region} is missing at {listener}" for listener in lacking)
        if not all(group.endpoints for group in mine):
            yield f"endpoint group {region} has no endpoint"
    for region in sorted({group.region for group in groups}.difference(pool.regions)):
        law = f"; pool {pool_name} may only be served from {', '.join(pool.regions)}"
        yield f"endpoint group {region} should not exist{law}"


def _openness(state: LeverState) -> tuple[bool, float, int]:
    """Sort key: the most open state is the greatest."""
    return state.is_open, state.dial or 0.0, state.weight


def weights_of(group: EndpointGroup) -> dict[str, int]:
    """The group's endpoints to their weights."""
    return {endpoint.endpoint_id: endpoint.weight for endpoint in group.endpoints}
