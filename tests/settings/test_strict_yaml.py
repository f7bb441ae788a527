"""The strict YAML reader."""

from __future__ import annotations

import pytest

from controller.settings.file_positions import KeyPosition, TextPosition
from controller.settings.strict_yaml import read


def problems(text: str) -> list[str]:
    """Problems as `line:column path| message`."""
    return [f"{p.line}:{p.column} {p.path}| {p.message}" for p in read(text).problems]


def test_the_document_has_data_and_positions_of_keys_and_values() -> None:
    """Lines and columns count from 1; an item of a list is its own key."""
    document = read("a: 1\nb:\n  - {c: x}\n")
    assert document.data == {"a": 1, "b": [{"c": "x"}]}
    assert document.problems == ()
    assert document.positions[("a",)] == KeyPosition(TextPosition(1, 1), TextPosition(1, 4))
    assert document.positions[("b", 0)] == KeyPosition(TextPosition(3, 5), TextPosition(3, 5))
    assert document.positions[("b", 0, "c")] == KeyPosition(TextPosition(3, 6), TextPosition(3, 9))


def test_quoted_values_are_always_text() -> None:
    """Messages recommend quotes."""
    assert read("a: 'no'\nb: \"010\"\n").data == {"a": "no", "b": "010"}


def test_a_duplicate_key_is_reported_with_both_lines_and_the_first_is_used() -> None:
    """The reader cannot know which of them was meant."""
    document = read("a: 1\nb: 2\na: 3\n")
    assert document.data == {"a": 1, "b": 2}
    assert problems("a: 1\nb: 2\na: 3\n") == [
        "3:1 a| the key a appears twice, in line 1 and in line 3; keep one"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1 | the file is empty; it must hold settings, as in config/example.yaml"]),
        ("# x\n", ["1:1 | the file is empty; it must hold settings, as in config/example.yaml"]),
        ("- 1", ["1:1 | the file must hold keys with values (key: value), not a list"]),
        ("word", ["1:1 | the file must hold keys with values (key: value), not text"]),
        ("a:\n\tb: 1", ["2:1 | a tab cannot indent here; use spaces"]),
        ("a: b: c", ["1:5 | not valid YAML: mapping values are not allowed here"]),
        ("a: [1,\n", ["2:1 | not valid YAML: expected a value, but found the end of the file"]),
        (
            "a: 'x\n b",
            [
                "2:3 | not valid YAML: found unexpected end of the file "
                "(while scanning a quoted scalar that began in line 1)"
            ],
        ),
        ("a: 1\n---\nb: 2", ["2:1 | a second document begins here; a file holds one"]),
        ("a: \x07", ["1:4 | the character U+0007 is not allowed"]),
        ('a: "\\ud800"', ["1:4 a| half of a character (a surrogate) is not allowed"]),
        (
            'a: "\\U00110000"',
            [
                "1:1 | not valid YAML: an escaped character or the version after %YAML "
                "is out of range"
            ],
        ),
        ("{" * 40, ["1:31 | not valid YAML: nested deeper than 30 levels"]),
        ("{[a]: 1, b: 2}", ["1:2 | a key must be a word, not a list or a mapping"]),
        ('"": 1', ["1:1 | a key is missing before the colon"]),
        ("a: !!str 3", ["1:4 | a tag (a word beginning with !) is not allowed; leave it out"]),
        (
            "a: &x 1\nb: *x",
            [
                "1:4 | the anchor &x is not allowed; leave it out",
                "2:4 | the alias *x is not allowed; write the value out",
            ],
        ),
        ("<<: {a: 1}", ["1:1 | the merge key << is not allowed; write the keys out"]),
        (
            "a: [yes, 1:30]",
            [
                "1:5 a[0]| yes is a boolean to some programs and text to others; "
                "write true or false, or quote it",
                "1:10 a[1]| 1:30 is a number to the base 60 to some programs; "
                "write a plain number (durations are in seconds), or quote it",
            ],
        ),
    ],
)
def test_syntax_that_hides_values_is_refused_with_its_position(
    text: str, expected: list[str]
) -> None:
    """Each message names the position and what to write instead."""
    assert problems(text) == expected


def test_an_unquoted_colon_gets_a_hint() -> None:
    """It is the most frequent syntax error, and PyYAML's message does not explain it."""
    assert read("a: b: c").problems[0].hint == "a value that contains ': ' must be quoted"
