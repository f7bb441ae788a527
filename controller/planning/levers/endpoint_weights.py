"""Weights of the endpoints inside one group: carried through drain and return, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from controller.model.configuration import AcceleratorLever
from controller.model.levers import EndpointGroup, PartWeights, Position
from controller.planning.levers.endpoint_groups import has_weight


def endpoint_key(group: EndpointGroup, endpoint_id: str) -> str:
    """The name of an endpoint among the parts of its position, which may have several groups."""
    return f"{group.arn} {endpoint_id}"


def group_weights(
    group: EndpointGroup, known: PartWeights, stated: Mapping[str, int], single: int
) -> dict[str, int] | None:
    """Endpoint id to its weight when the group is open; None where nobody knows it.

    In this order: what stands in an open group, or was set in a closed one since it was closed;
    what is known from before, with endpoints that were added meanwhile as they stand; what the
    settings state of all endpoints; `single`, for a group's only endpoint.
    """
    standing = {endpoint.endpoint_id: endpoint.weight for endpoint in group.endpoints}
    own = {one: endpoint_key(group, one) for one in standing}
    before = {one: known[key] for one, key in own.items() if key in known}
    is_open = group.dial > 0 and any(standing.values())
    if is_open or any(standing[one] for one in before):
        return standing
    expected = {**standing, **before}
    if any(expected.values()):
        return expected
    if standing.keys() <= stated.keys() and any(stated[one] for one in standing):
        return {one: stated[one] for one in standing}
    return dict.fromkeys(standing, single) if len(standing) == 1 else None


def wanted_weights(
    group: EndpointGroup, weight: int, weights: PartWeights
) -> tuple[int, ...] | None:
    """The endpoints' weights at position weight `weight`; None where their ratio is unknown."""
    if weight == 0:
        return (0,) * len(group.endpoints)
    default = weight if len(group.endpoints) == 1 else None
    wanted = [weights.get(key, default) for key in endpoint_keys(group)]
    return None if None in wanted else tuple(one for one in wanted if one is not None)


def endpoint_keys(group: EndpointGroup) -> list[str]:
    """The names of the group's endpoints, in its order."""
    return [endpoint_key(group, endpoint.endpoint_id) for endpoint in group.endpoints]


def tells_weights(group: EndpointGroup, known: PartWeights) -> bool:
    """Whether what stands in the group says all about its weights.

    In a closed group it does when nothing is known, or when some endpoint that is known has a
    weight again: we left them all at 0.
    """
    known_ones = [e.weight for e in group.endpoints if endpoint_key(group, e.endpoint_id) in known]
    if group.dial > 0 or not known_ones:
        return has_weight(group)
    return any(known_ones)


def of_other_groups(groups: Iterable[EndpointGroup], known: PartWeights) -> dict[str, int]:
    """What is known of the groups that do not tell their weights now."""
    silent = [group.arn for group in groups if not tells_weights(group, known)]
    return {key: weight for key, weight in known.items() if key.partition(" ")[0] in silent}


def unknown_weights_text(
    name: str, position: Position, groups: Iterable[EndpointGroup], when_open: PartWeights
) -> str | None:
    """What sets the weights of groups whose ratio was never seen, as text; None: all are known."""
    unknown = [group for group in groups if not when_open.keys() >= set(endpoint_keys(group))]
    if not unknown:
        return None
    group, region = unknown[0], position.region
    ids = [endpoint.endpoint_id for endpoint in group.endpoints]
    configurations = " ".join(f"EndpointId={one},Weight=?" for one in ids)
    return (
        f"endpoint group {region} has weight 0 at each of its {len(ids)} endpoints, and their "
        "weights were never seen: no ratio is guessed. State them in the settings "
        f"(services.{name}.levers.accelerator.weights.{region}), or set them with "
        f"`aws globalaccelerator update-endpoint-group --endpoint-group-arn {group.arn} "
        f"--traffic-dial-percentage 0 --endpoint-configurations {configurations}`"
    )


def weight_notices(
    lever: AcceleratorLever, resources: Mapping[Position, tuple[EndpointGroup, ...]]
) -> Iterator[str]:
    """Where open groups have other weights than the settings state."""
    for position, groups in resources.items():
        stated = lever.weights.get(position.region)
        for group in groups:
            standing = {e.endpoint_id: e.weight for e in group.endpoints if has_weight(group)}
            if stated and any(stated.get(one) != weight for one, weight in standing.items()):
                seen = ", ".join(f"{one} {weight}" for one, weight in standing.items())
                yield (
                    f"endpoint group {position.region} has weights {seen}, other than the settings "
                    "state; they are kept as they stand"
                )
