"""Messages for values that configuration models refuse."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.configuration import Settings
from controller.settings.validation_messages import PATTERNS, suggestion, value_text


def _patterns(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        yield from schema.get("patternProperties", {})
        for value in schema.values():
            yield from _patterns(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _patterns(value)


SELF_EXPLAINED = {
    r"^(https?|tcp)://\S+$",
    r"^([1-5]xx|[1-5]\d\d-[1-5]\d\d)$",
    r"^[^\s/:]+$",
    r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/\S+)$",
}
"""Patterns of the schema only: the validators of these fields have messages of their own."""


def test_every_pattern_of_the_configuration_models_has_words() -> None:
    """A new pattern without words would show users a regular expression."""
    assert set(_patterns(Settings.model_json_schema())) == {*PATTERNS, *SELF_EXPLAINED}


def test_the_nearest_word_is_suggested_and_all_of_them_when_none_is_near() -> None:
    """In both cases the operator can go on without the documentation."""
    assert suggestion("eu-west-2", ["eu-west-1", "us-east-1"]) == "did you mean eu-west-1?"
    assert suggestion("x", ["europe", "world"]) == "possible here: europe, world"
    assert suggestion("x", []) == ""


def test_values_are_named_as_in_yaml() -> None:
    """An operator who writes YAML need not know Python's words."""
    values = [None, True, 3, 0.5, "x", [], [1], {}, {"a": 1}]
    assert [value_text(value) for value in values] == [
        "empty", "true", "3", "0.5", "the text 'x'",
        "an empty list", "a list", "an empty mapping", "a mapping of keys",
    ]  # fmt: skip
