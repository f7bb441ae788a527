"""The terminal's abilities: whether a command can prompt, redraw, and colour its output.

`NO_COLOR` (no-color.org) precedes `FORCE_COLOR`; `TERM=dumb` gets plain rows.
"""

from __future__ import annotations

import io
import os
import sys

import click


def replace_unprintable() -> None:
    """Let output show `?` for what the terminal's encoding lacks, such as → in Latin-1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def can_prompt() -> bool:
    """Whether the user can be asked."""
    return sys.stdin.isatty()


def can_redraw() -> bool:
    """Whether output can be redrawn in place; otherwise it is plain rows."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def wants_colour() -> bool | None:
    """Whether output is coloured; None: only if it goes to a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None


def paint(text: str, name: str) -> str:
    """The text in a colour; `click.echo` removes the colour where none is wanted."""
    return click.style(text, fg=name, bold=True)
