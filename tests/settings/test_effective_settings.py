"""Effective settings: values and their origins."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.settings import inspect, parse
from controller.settings.effective_settings import as_flow, as_tree, as_yaml, entries
from controller.settings.overlay import from_environment
from tests.settings.minimal import MINIMAL, with_replacements

CONFIG = Path(__file__).parents[2] / "config"


@pytest.mark.parametrize("text", [MINIMAL, (CONFIG / "sandbox.yaml").read_text()])
@pytest.mark.parametrize("with_origin", [False, True])
def test_what_is_shown_loads_to_the_same_settings(text: str, with_origin: bool) -> None:
    """The output can be saved as a file in which every key is explicit."""
    settings = parse(text, "x")
    shown = as_yaml(entries(settings, {}), with_origin=with_origin)
    assert parse(shown, "shown") == settings


def test_each_value_has_its_origin() -> None:
    """Line of the file, variable, or default."""
    inspection = inspect(MINIMAL, from_environment({"GTC__API__PORT": "9000"}))
    assert inspection.settings is not None
    found = entries(inspection.settings, inspection.origins)
    shown = as_yaml(found, with_origin=True).splitlines()
    assert shown[:3] == [
        "schema_version: 2  # line 1",
        "mode: active  # default",
        "state_path: gtc.sqlite  # line 2",
    ]
    assert "  port: 9000  # env:GTC__API__PORT" in shown
    tree = as_tree(found, with_origin=True)
    assert tree["mode"] == {"value": "active", "origin": "default"}
    assert as_tree(found, with_origin=False)["state_path"] == "gtc.sqlite"


def test_references_to_secrets_are_shown_and_hashes_are_not() -> None:
    """A hash would help to guess the token."""
    token = '{name: ci, role: viewer, sha256: "' + "a" * 64 + '"}'
    text = with_replacements(
        ("vantage:", f"api: {{tokens: [{token}]}}\nvantage:"),
        ('healthz"}', 'healthz", headers: {X-Key: "env:KEY"}}'),
    )
    shown = as_yaml(entries(parse(text, "x"), {}), with_origin=True)
    assert 'X-Key: "env:KEY"' in shown
    assert 'sha256: "(redacted)"' in shown
    assert "aaaa" not in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("eu-west-1", "eu-west-1"),
        ("no", '"no"'),
        ("49", '"49"'),
        ("010", '"010"'),
        ("a: b", '"a: b"'),
        ("Grüße\n", '"Grüße\\n"'),
        ("", '""'),
        (None, "null"),
        (True, "true"),
        (2.0, "2"),
        (0.1, "0.1"),
        ([1, {"a": "x y"}], '[1, {a: "x y"}]'),
    ],
)
def test_a_value_is_written_in_one_line_as_yaml(value: object, text: str) -> None:
    """Quoted if a YAML reader would read another value."""
    assert as_flow(value) == text
