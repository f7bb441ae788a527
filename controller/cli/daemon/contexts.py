"""Named places where daemons are: the file behind `gtc context`.

It holds addresses and where a token is to be found, never a token. It is the user's own: written
with mode 0600, and refused when others could change it, for they could send orders elsewhere.
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
    """One place."""

    name: str
    endpoints: tuple[str, ...]
    """Tried in this order."""
    token: str | None = None
    """`file:/path` or `env:NAME`."""
    production: bool = False
    """Whether every order is to be confirmed by a typed name, asked in red."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """All of them, and the one that is used when nothing else is said."""

    current: str | None = None
    known: Mapping[str, Context] = field(default_factory=dict)


class ContextFileError(click.ClickException):
    """The file cannot be used."""

    exit_code = exit_codes.BAD_CONFIG


def path() -> Path:
    """`$XDG_CONFIG_HOME/gtc/contexts.json`, as the XDG Base Directory Specification has it."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".config"
    return base / "gtc" / "contexts.json"


def load() -> Contexts:
    """What the file says; nothing when there is none. Raises ContextFileError."""
    file = path()
    try:
        with file.open(encoding="utf-8") as stream:
            if os.fstat(stream.fileno()).st_mode & _OTHERS_MAY_WRITE:
                raise ContextFileError(
                    f"{file} may be changed by others; mend it: chmod 600 {file}"
                )
            found = json.load(stream)
        known = {name: _context(name, one) for name, one in sorted(found["contexts"].items())}
        return Contexts(found["current"], known)
    except FileNotFoundError:
        return Contexts()
    except OSError as error:
        raise ContextFileError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContextFileError(
            f"{file} is not what `gtc context` wrote: {type(error).__name__} {error}"
        ) from error


def save(contexts: Contexts) -> None:
    """Replace the file as a whole. Raises ContextFileError."""
    file = path()
    known = {name: asdict(one) for name, one in contexts.known.items()}
    text = json.dumps({"current": contexts.current, "contexts": known}, indent=2, sort_keys=True)
    draft = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text + "\n")
        draft.replace(file)
    except OSError as error:
        raise ContextFileError(f"{file} cannot be written: {error.strerror}") from error


def _context(name: str, one: Mapping[str, object]) -> Context:
    endpoints, token = one["endpoints"], one["token"]
    if not isinstance(endpoints, list) or not all(isinstance(url, str) for url in endpoints):
        raise ValueError(f"{name}: endpoints must be a list of texts")
    if token is not None and not isinstance(token, str):
        raise ValueError(f"{name}: token must be a text or null")
    return Context(name, tuple(endpoints), token, one["production"] is True)
