"""Ratios inside a position: scaled to any weight, and read back as the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.levers import AcceleratedEndpoint, EndpointGroup
from controller.planning.levers.endpoint_weights import endpoint_key, group_weights, tells_weights
from controller.planning.levers.part_weights import part_weight, position_weights

WEIGHTS = st.integers(1, 255)


@given(weight=st.integers(0, 255), one=WEIGHTS, other=WEIGHTS)
def test_a_position_weight_is_read_back_from_its_parts(weight: int, one: int, other: int) -> None:
    """No ratio makes our own write look like drift, and no part is closed while another is open."""
    ratio = {"A": one, "AAAA": other}
    written = {part: part_weight(weight, ratio, part) for part in ratio}

    assert set(position_weights(written, ratio).values()) == {weight}
    assert max(written.values()) == weight
    assert all(written.values()) or weight == 0


@given(weight=WEIGHTS, one=WEIGHTS, other=WEIGHTS, edited=st.integers(0, 255))
def test_another_weight_of_one_part_is_seen(weight: int, one: int, other: int, edited: int) -> None:
    """A manual edit of one twin shows as parts that differ, whichever ratio they have."""
    ratio = {"A": one, "AAAA": other}
    written = {part: part_weight(weight, ratio, part) for part in ratio}
    lesser = min(ratio, key=lambda part: ratio[part])
    shown = position_weights({**written, lesser: edited}, ratio)

    assert (len(set(shown.values())) == 1) is (edited == written[lesser]) or one == other


def group(*weights: int, dial: float = 0.0) -> EndpointGroup:
    """Endpoints e0, e1, … of these weights."""
    endpoints = tuple(AcceleratedEndpoint(f"e{i}", w, "", "{}") for i, w in enumerate(weights))
    return EndpointGroup("arn/listener/l/endpoint-group/g", "eu-west-1", dial, endpoints)


KNOWN = {"e0": 230, "e1": 25}


@pytest.mark.parametrize(
    ("standing", "known", "stated", "expected", "tells"),
    [
        (group(230, 25, dial=100.0), {}, {}, (230, 25), True),
        (group(1, 2, dial=100.0), KNOWN, {"e0": 9, "e1": 9}, (1, 2), True),
        (group(0, 0), KNOWN, {"e0": 9, "e1": 9}, (230, 25), False),
        (group(0, 0), {}, {"e0": 9, "e1": 3}, (9, 3), False),
        (group(0, 0), {}, {"e0": 9}, None, False),
        (group(0, 0), {}, {}, None, False),
        (group(0), {}, {}, (128,), False),
        (group(0, 77), {"e0": 230}, {}, (230, 77), False),
        (group(5, 0), KNOWN, {}, (5, 0), True),
        (group(5, 6), {}, {}, (5, 6), True),
        (group(0, 0, dial=100.0), KNOWN, {}, (230, 25), False),
    ],
    ids=[
        "open",
        "open, whatever else is known",
        "drained",
        "never seen, stated",
        "never seen, stated in part",
        "never seen",
        "never seen, alone",
        "an endpoint added while drained",
        "set by hand while drained",
        "found with the dial closed",
        "closed by its weights only",
    ],
)
def test_which_weights_a_group_gets_when_it_opens(
    standing: EndpointGroup,
    known: dict[str, int],
    stated: dict[str, int],
    expected: tuple[int, ...] | None,
    tells: bool,
) -> None:
    """What stands, then what is known, then what is stated; never a guess among several."""
    keyed = {endpoint_key(standing, one): weight for one, weight in known.items()}
    found = group_weights(standing, keyed, stated, 128)

    assert (None if found is None else tuple(found.values())) == expected
    assert tells_weights(standing, keyed) is tells
