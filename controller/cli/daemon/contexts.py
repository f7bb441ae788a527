"""The context file of `gtc context`: named addresses of daemons.

It holds references to tokens, never a token. It is written with mode 0600, and refused when other
users may write it: they could redirect the user's orders.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from controller.cli import exit_codes

_OTHERS_MAY_WRITE = 0o022


@dataclass(frozen=True, slots=True)
class Context:
    """A name for one daemon: its addresses, and how it is called there."""

    name: str
    endpoints: tuple[str, ...]
    """Tried in this order."""
    token: str | None = None
    """`file:/path` or `env:NAME`."""
    production: bool = False
    """Whether the user confirms every order by a typed name, asked for in red."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """All contexts and the current one: `current is None or current in by_name`."""

    current: str | None = None
    by_name: Mapping[str, Context] = field(default_factory=dict)


class ContextFileError(click.ClickException):
    """The context file cannot be read or written."""

    exit_code = exit_codes.BAD_CONFIG


def path() -> Path:
    """`$XDG_CONFIG_HOME/gtc/contexts.json`, see the XDG Base Directory Specification."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".config"
    return base / "gtc" / "contexts.json"


def load() -> Contexts:
    """The contexts in the file; none without a file. Raises ContextFileError."""
    file = path()
    try:
        with file.open(encoding="utf-8") as stream:
            if os.fstat(stream.fileno()).st_mode & _OTHERS_MAY_WRITE:
                raise ContextFileError(
                    f"{file} may be changed by others; mend it: chmod 600 {file}"
                )
            content = json.load(stream)
        by_name = {
            name: _parse_context(name, members)
            for name, members in sorted(content["contexts"].items())
        }
        return Contexts(content["current"], by_name)
    except FileNotFoundError:
        return Contexts()
    except OSError as error:
        raise ContextFileError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContextFileError(
            f"{file} is not what `gtc context` wrote: {type(error).__name__} {error}"
        ) from error


def save(contexts: Contexts) -> None:
    """Replace the file atomically. Raises ContextFileError."""
    file = path()
    by_name = {name: asdict(context) for name, context in contexts.by_name.items()}
    text = json.dumps({"current": contexts.current, "contexts": by_name}, indent=2, sort_keys=True)
    draft = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text + "\n")
        draft.replace(file)
    except OSError as error:
        raise ContextFileError(f"{file} cannot be written: {error.strerror}") from error


def _parse_context(name: str, members: Mapping[str, object]) -> Context:
    endpoints, token = members["endpoints"], members["token"]
    if not isinstance(endpoints, list) or not all(isinstance(url, str) for url in endpoints):
        raise ValueError(f"{name}: endpoints must be a list of texts")
    if token is not None and not isinstance(token, str):
        raise ValueError(f"{name}: token must be a text or null")
    return Context(name, tuple(endpoints), token, members["production"] is True)
