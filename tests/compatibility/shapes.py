"""The shape of a JSON document or JSON schema: its fields and their types.

A shape maps places to types. A place names members from the outside in, with dots; `[]` is any
member of a list, `*` any member of an object whose keys are names of the settings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

Shape = Mapping[str, frozenset[str]]
NO_REFERENCES = frozenset({"null"})
_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}
_REF = "#/components/schemas/"


def shape(document: object, names: Collection[str]) -> Shape:
    """The shape of a document; `names` are keys that are names of things, not of fields."""
    return _collected(_found(document, "", names))


def schema_shape(schema: Mapping[str, Any], description: Mapping[str, Any]) -> Shape:
    """The shape that a schema of an OpenAPI description allows; recursion is followed once."""
    return _collected(_allowed(schema, "", description["components"]["schemas"], ()))


def required(schema: Mapping[str, Any], description: Mapping[str, Any]) -> frozenset[str]:
    """Names of the outermost members that a schema requires."""
    return frozenset(_resolved(schema, description["components"]["schemas"]).get("required", ()))


def lost(then: Shape, now: Shape) -> dict[str, str]:
    """Places that are missing now, or of another type, with the difference.

    A place inside an object that is absent from the present document is not compared.
    """
    found = {}
    for place, types in then.items():
        if place not in now:
            if "object" in now.get(parent(place), ()):
                found[place] = "missing"
        elif (types - NO_REFERENCES) - now[place] and now[place] != NO_REFERENCES:
            found[place] = f"{_listed(now[place])} instead of {_listed(types)}"
    return found


def compared_ratio(then: Shape, now: Shape) -> float:
    """Part of the earlier places that `lost` can compare, `0 <= ratio <= 1`."""
    return sum("object" in now.get(parent(place), ()) or place in now for place in then) / len(then)


def parent(place: str) -> str:
    """The place of the object or list that has this member."""
    return place.removesuffix("[]") if place.endswith("[]") else place.rpartition(".")[0]


def _listed(types: Collection[str]) -> str:
    return " or ".join(sorted(types))


def _collected(found: Iterator[tuple[str, str]]) -> Shape:
    types: dict[str, set[str]] = defaultdict(set)
    for place, kind in found:
        types[place].add(kind)
    return {place: frozenset(kinds) for place, kinds in types.items()}


def _found(value: object, place: str, names: Collection[str]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield place, "object"
        for key, member in value.items():
            yield from _found(member, f"{place}.{'*' if key in names else key}", names)
    elif isinstance(value, list):
        yield place, "array"
        for member in value:
            yield from _found(member, f"{place}[]", names)
    else:
        yield place, _TYPES[type(value)]


def _allowed(
    schema: Mapping[str, Any], place: str, schemas: Mapping[str, Any], inside: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    reference = schema.get("$ref")
    if reference in inside:
        return
    if reference is not None:
        yield from _allowed(_resolved(schema, schemas), place, schemas, (*inside, reference))
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _allowed(one, place, schemas, inside)
    if "type" in schema:
        kind = "number" if schema["type"] == "integer" else str(schema["type"])
        yield place, kind
    for name, member in schema.get("properties", {}).items():
        yield from _allowed(member, f"{place}.{name}", schemas, inside)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _allowed(schema["additionalProperties"], f"{place}.*", schemas, inside)
    if "items" in schema:
        yield from _allowed(schema["items"], f"{place}[]", schemas, inside)


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = schemas[reference.removeprefix(_REF)]
    return _resolved(found, schemas)
