"""`-o table|json|yaml`, the same on every command that looks: rows for people, documents for
programs. Documents have sorted keys and hold the daemon's own words and numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

TABLE, JSON, YAML = FORMATS = ("table", "json", "yaml")
C = TypeVar("C", bound=Callable[..., Any])


def format_option(*forms: str) -> Callable[[C], C]:
    """`-o`: the command gets `output`, one of these forms, the first one unless said otherwise."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help="Form of the output.",
    )


output_option: Callable[[C], C] = format_option(*FORMATS)
"""The command gets `output`, one of `FORMATS`."""


def document(value: Any, output: str) -> str:
    """A whole document, JSON or YAML, without its last line end."""
    return as_yaml(value).rstrip("\n") if output == YAML else as_json(value)


def stream_document(value: Any, output: str) -> str:
    """One of several documents: JSON in one line, YAML with its `---`."""
    if output == YAML:
        return "---\n" + as_yaml(value).rstrip("\n")
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def as_json(value: Any) -> str:
    """A document for programs: sorted keys, indented."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def as_yaml(value: Any) -> str:
    """The same document as YAML."""
    import yaml

    plain = json.loads(json.dumps(value))  # yaml writes no subclasses of dict
    text: str = yaml.safe_dump(plain, allow_unicode=True, sort_keys=True)
    return text
