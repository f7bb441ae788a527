"""Encoding to JSON and decoding: lossless, and errors name the place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import pytest

from controller.model.decision import Decision, Held, Hold, Snapshot
from controller.model.decoding import UnreadableError, decoded, in_present_form, reader
from controller.model.encoding import EXACT, as_text
from controller.model.health import AddressCounts, HealthState, Verdict


class Colour(StrEnum):
    """An enumeration."""

    RED = "red"
    BLUE = "blue"


class Place(NamedTuple):
    """A key that is not only text."""

    row: str
    column: int = 0


@dataclass(frozen=True, slots=True)
class Thing:
    """One member of every type."""

    name: str
    number: float
    colour: Colour
    at: datetime | None = None
    flag: bool = False
    by_place: Mapping[Place, tuple[Colour, ...]] = field(default_factory=dict)
    by_pair: Mapping[tuple[str, str], int] = field(default_factory=dict)
    by_name: Mapping[str, float] = field(default_factory=dict)
    pairs: tuple[tuple[float, str], ...] = ()
    places: frozenset[Place] = frozenset()


FULL = Thing(
    "é\n",
    3,
    Colour.BLUE,
    datetime(2026, 6, 1, 12, 0, 0, 1, UTC),
    True,
    {Place("b", 2): (Colour.RED,), Place("a"): ()},
    {("x", "y"): 1},
    {"z": 0.1 + 0.2, "a": -0.0},
    ((1.5, "one"), (2.0, "two")),
    frozenset({Place("q"), Place("p", 1)}),
)


@pytest.mark.parametrize("thing", [FULL, Thing("", 0.0, Colour.RED)])
def test_decoding_gives_the_encoded_value(thing: Thing) -> None:
    """By JSON text; integers stay integers and mappings keep their order."""
    back = decoded(Thing, json.loads(as_text(EXACT(thing))), "thing")

    assert back == thing
    assert repr(back.number) == repr(thing.number)
    assert list(back.by_place) == list(thing.by_place)
    assert list(back.by_name) == list(thing.by_name)
    assert as_text(EXACT(back)) == as_text(EXACT(thing))


def test_the_order_of_a_set_is_not_encoded() -> None:
    """It differs between processes."""
    names = [f"name-{number}" for number in range(50)]
    assert as_text(EXACT(frozenset(names))) == as_text(EXACT(frozenset(reversed(names))))


@dataclass(frozen=True, slots=True)
class Moved:
    """Mappings whose keys are tuples of texts."""

    by_place: Mapping[tuple[str, str], float]
    place: Address | None = None


class Address(NamedTuple):
    """Two texts, one with a default."""

    street: str
    town: str = "here"


APART = {("a", "x"): 1, ("b", "y"): 2, ("a", "z"): 3}


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({("a", "x"): 1.0, ("a", "y"): 2, ("b", "x"): 3}, {"a": {"x": 1.0, "y": 2}, "b": {"x": 3}}),
        (APART, [[["a", "x"], 1], [["b", "y"], 2], [["a", "z"], 3]]),
        ({}, {}),
    ],
    ids=["by their parts", "not to lose their order", "none"],
)
def test_keys_that_are_tuples_of_texts_become_nested_objects(
    value: Mapping[tuple[str, str], float], data: object
) -> None:
    """Names are not repeated for every key; the order is always kept."""
    assert EXACT(Moved(value))["by_place"] == data
    back = decoded(Moved, json.loads(as_text(EXACT(Moved(value)))))
    assert list(back.by_place.items()) == list(value.items())


@pytest.mark.parametrize(
    "keys",
    [
        [("a", 1), ("a", 2)],
        [("a", "x"), ("a", Colour.RED)],
        [(Colour.RED, "x"), (Colour.RED, "y")],
        [("a", "x"), ("a",)],
        [1, 2],
    ],
)
def test_other_keys_do_not_become_nested_objects(keys: list[object]) -> None:
    """They are encoded as pairs."""
    assert EXACT(dict.fromkeys(keys, 0)) == [[EXACT(key), 0] for key in keys]


@pytest.mark.parametrize(
    "data",
    [
        {"by_place": [[["a", "x"], 1], [["a", "y"], 2]], "place": {"street": "s", "town": "t"}},
        {"by_place": {"a": {"x": 1, "y": 2}}, "place": ["s", "t"]},
    ],
    ids=["pairs", "a list for a named tuple"],
)
def test_older_forms_are_decoded(data: object) -> None:
    """Older snapshots and records have them."""
    assert decoded(Moved, data) == Moved({("a", "x"): 1, ("a", "y"): 2}, Address("s", "t"))


def test_older_forms_are_converted_to_the_present_one() -> None:
    """At any depth; data that only look similar stay as they are."""
    places = {"service": "a", "pool": "x"}, {"service": "a", "pool": "y"}
    pairs = [[places[0], [{"w": 1}]], [places[1], [[["a", "x"], 2]]]]
    present = {"a": {"x": [{"w": 1}], "y": {"a": {"x": 2}}}}
    assert in_present_form({"old": pairs}) == {"old": present}
    for same in ([], [[1.0, "one"]], [["x"], ["y"]], [[["a"], 1]], [pairs[0], pairs[0]]):
        assert in_present_form(same) == same


def test_members_of_other_versions_are_accepted() -> None:
    """A member with a default may be missing; an unknown member is ignored."""
    data = {"name": "n", "number": 1.0, "colour": "red", "weight": 7}
    assert decoded(Thing, data, "thing") == Thing("n", 1.0, Colour.RED)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "thing.name is null, not of type str"),
        ({"number": "1"}, "thing.number is 1, not of type float"),
        ({"number": True}, "thing.number is true, not of type float"),
        ({"colour": "green"}, "thing.colour is green, not one of red, blue"),
        ({"at": "noon"}, "thing.at is noon, not a time such as 2026-06-01T12:00:00+00:00"),
        ({"by_name": {"a": []}}, "thing.by_name[a] is [], not of type float"),
        ({"by_name": 7}, "thing.by_name is neither an object nor a list of pairs"),
        ({"by_place": [[{"row": 1}, []]]}, "thing.by_place key.row is 1, not of type str"),
        ({"pairs": [[1.0]]}, "thing.pairs[0] has 1 members instead of 2"),
        ({"pairs": {}}, "thing.pairs is no list"),
        ({"places": ["p"]}, "thing.places[0] is no object"),
        ({"places": [{}]}, "thing.places[0] has no row"),
        ({"by_pair": {"x": 1}}, "thing.by_pair[x] is no object"),
        ({"by_pair": {"x": {"y": "z"}}}, 'thing.by_pair[["x","y"]] is z, not of type int'),
    ],
)
def test_an_error_names_the_place_of_the_data(change: dict[str, object], message: str) -> None:
    """A file may be edited by an operator."""
    data = {"name": "n", "number": 1.0, "colour": "red", **change}
    with pytest.raises(UnreadableError) as caught:
        decoded(Thing, data, "thing")
    assert str(caught.value) == message


def test_a_value_of_an_unknown_type_is_refused() -> None:
    """Otherwise it could not be decoded later."""
    with pytest.raises(TypeError, match="object cannot be encoded"):
        EXACT(object())


@pytest.mark.parametrize("kind", [Snapshot, Decision])
def test_every_type_in_a_decision_can_be_decoded(kind: type) -> None:
    """A new member of another type would make snapshots unreadable: it fails here."""
    seen: set[object] = set()

    def walk(one: object) -> None:
        if one in seen:
            return
        seen.add(one)
        reader(one)
        for hint in _members(one):
            walk(hint)

    walk(kind)
    assert len(seen) > 10


def _members(kind: object) -> list[object]:
    """Types of a type's members; none for a configuration model, which pydantic decodes."""
    from typing import get_args, get_type_hints

    from controller.model.configuration import ConfigModel

    arguments = [one for one in get_args(kind) if one not in (..., type(None))]
    if arguments:
        return arguments
    if isinstance(kind, type) and not issubclass(kind, ConfigModel | StrEnum | datetime):
        if hasattr(kind, "_fields"):
            return [get_type_hints(kind)[name] for name in kind._fields]
        if hasattr(kind, "__dataclass_fields__"):
            return [get_type_hints(kind)[name] for name in kind.__dataclass_fields__]
    return []


def test_a_state_with_defaults_is_encoded_as_it_was_before_it_got_more_members() -> None:
    """Byte for byte: snapshots of endpoints with one address stay as short as they were."""
    state = HealthState(Verdict.UP, 1.0, 0, 5, None, 1.0, 6.0, address="192.0.2.1:80")
    data = EXACT(state)

    assert list(data)[-1] == "bad_ratio"
    assert decoded(HealthState, data) == state


def test_a_state_with_more_than_its_defaults_is_encoded_whole() -> None:
    """Each member alone, and nested ones."""
    counts = AddressCounts(9, 8, 7, 2, ("192.0.2.1:80 (refused)", "192.0.2.2:80 (silent)"))
    changes: list[dict[str, Any]] = [
        {"not_run": "no route from here"},
        {"not_run_since": 0.0},
        {"no_route_since": 2.5},
        {"addresses": counts},
        {"not_run": "x", "not_run_since": 1.0, "no_route_since": 1.0, "addresses": counts},
    ]
    for change in changes:
        state = HealthState()._replace(**change)
        data = json.loads(as_text(EXACT(state)))
        assert list(data)[14:] == list(change)
        assert decoded(HealthState, data) == state


def test_a_hold_of_an_earlier_version_is_read_under_its_present_name() -> None:
    """Records are kept for months; any other unknown name is an error that lists the known ones."""
    held = decoded(Held, {"reason": "structure", "detail": "a leaf is missing", "region": None})
    assert held == Held(Hold.MISCONFIGURED, "a leaf is missing")
    with pytest.raises(UnreadableError, match="misconfigured"):
        decoded(Held, {"reason": "structures", "detail": "", "region": None})
