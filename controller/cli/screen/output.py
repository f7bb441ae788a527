"""`-o table|json|yaml` of the commands that query: rows, or documents for programs.

Documents have sorted keys and the daemon's words and numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

TABLE, JSON, YAML = FORMATS = ("table", "json", "yaml")
C = TypeVar("C", bound=Callable[..., Any])


def format_option(*formats: str) -> Callable[[C], C]:
    """Decorator: adds `-o`; the command gets `output`, one of the formats, by default the first."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Form of the output.",
    )


output_option: Callable[[C], C] = format_option(*FORMATS)
"""Decorator: adds `-o`; the command gets `output`, one of `FORMATS`."""


def document(value: Any, output: str) -> str:
    """A document in JSON or YAML, without the last line end."""
    return as_yaml(value).rstrip("\n") if output == YAML else as_json(value)


def stream_document(value: Any, output: str) -> str:
    """One document of a stream: JSON in one line, or YAML after `---`."""
    if output == YAML:
        return "---\n" + as_yaml(value).rstrip("\n")
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def as_json(value: Any) -> str:
    """A document in JSON, indented, with sorted keys."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def as_yaml(value: Any) -> str:
    """A document in YAML, with sorted keys."""
    import yaml

    plain = json.loads(json.dumps(value))  # safe_dump refuses subclasses of dict
    text: str = yaml.safe_dump(plain, allow_unicode=True, sort_keys=True)
    return text
