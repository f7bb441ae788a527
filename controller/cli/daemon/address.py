"""Where a command finds its daemon and who it says it is.

The nearest word counts: `--endpoint`, `--context`, then `GTC_URL`, `GTC_CONTEXT`, the context in
use, and at last this machine. A context's token goes to that context's endpoints alone, or to
those that stand beside its name on the command line.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from controller.cli import exit_codes
from controller.cli.daemon import contexts
from controller.cli.daemon.contexts import Context
from controller.cli.daemon.request_errors import unknown

DEFAULT_URL = "http://127.0.0.1:8640"


@dataclass(frozen=True, slots=True)
class Access:
    """Everything a client needs to know."""

    urls: tuple[str, ...]
    token: str | None = None
    production: str | None = None
    """The context's name, when it is a production one."""


class TokenError(click.ClickException):
    """There should be a token, and there is none."""

    exit_code = exit_codes.AUTH


def access(
    endpoints: Sequence[str], context: str | None, *, endpoints_typed: bool, context_typed: bool
) -> Access:
    """What the options, the environment and the context file come to.

    `…_typed` says that a value came from the command line and not from the environment.
    """
    found = _context(context) if context_typed or not endpoints else None
    if found is None:
        return Access(tuple(endpoints) or (DEFAULT_URL,), _token(None))
    urls = tuple(endpoints) if endpoints_typed else found.endpoints
    return Access(urls, _token(found), found.name if found.production else None)


def check_reference(reference: str) -> None:
    """Raise ValueError when it says neither where a file nor what a variable is."""
    kind, _, rest = reference.partition(":")
    if kind not in ("file", "env") or not rest:
        raise ValueError(f"{reference!r} is no reference; file:/path or env:NAME is")


def _context(name: str | None) -> Context | None:
    """The context of that name, or the one in use."""
    known = contexts.load()
    wanted = name or known.current
    if wanted is None:
        return None
    if wanted not in known.known:
        raise unknown("context", wanted, sorted(known.known))
    return known.known[wanted]


def _token(context: Context | None) -> str | None:
    """`GTC_TOKEN`, what is in `GTC_TOKEN_FILE`, or what the context refers to."""
    if os.environ.get("GTC_TOKEN"):
        return _clean(os.environ["GTC_TOKEN"], "GTC_TOKEN")
    if os.environ.get("GTC_TOKEN_FILE"):
        return _from_file(os.environ["GTC_TOKEN_FILE"])
    if context is None or context.token is None:
        return None
    kind, _, rest = context.token.partition(":")
    if kind == "file":
        return _from_file(rest)
    if not os.environ.get(rest):
        raise TokenError(f"context {context.name} takes its token from {rest}, which is not set")
    return _clean(os.environ[rest], rest)


def _from_file(name: str) -> str:
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TokenError(f"the token's file {name} cannot be read: {reason}") from error
    return _clean(text, name)


def _clean(text: str, source: str) -> str:
    """The token itself, fit for a header. Messages never show it."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenError(f"what {source} holds is no token: it must be one word of ASCII signs")
    return token
