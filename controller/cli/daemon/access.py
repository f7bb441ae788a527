"""The daemon's addresses and the caller's token, from options, environment and context file.

The first of these that is given counts: `--endpoint`, `--context`, `GTC_URL`, `GTC_CONTEXT`, the
current context, this machine. A context's token is sent to that context's endpoints only, or to
the endpoints given with `--context` on the command line.
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
from controller.cli.daemon.request_errors import unknown_name

DEFAULT_URL = "http://127.0.0.1:8640"


@dataclass(frozen=True, slots=True)
class DaemonAccess:
    """The addresses of a daemon and the caller's token. `urls` is not empty."""

    urls: tuple[str, ...]
    token: str | None = None
    production: str | None = None
    """The context's name, if it is a production one."""


class TokenError(click.ClickException):
    """A token is configured but cannot be read."""

    exit_code = exit_codes.AUTH


def resolve_access(
    endpoints: Sequence[str], context: str | None, *, endpoints_typed: bool, context_typed: bool
) -> DaemonAccess:
    """The access that the options, the environment and the context file give.

    `…_typed`: the value came from the command line, not from the environment.
    """
    chosen = _chosen_context(context) if context_typed or not endpoints else None
    if chosen is None:
        return DaemonAccess(tuple(endpoints) or (DEFAULT_URL,), _token(None))
    urls = tuple(endpoints) if endpoints_typed else chosen.endpoints
    return DaemonAccess(urls, _token(chosen), chosen.name if chosen.production else None)


def check_token_reference(reference: str) -> None:
    """Raise ValueError unless the reference is `file:/path` or `env:NAME`."""
    scheme, _, rest = reference.partition(":")
    if scheme not in ("file", "env") or not rest:
        raise ValueError(f"{reference!r} is no reference; file:/path or env:NAME is")


def _chosen_context(name: str | None) -> Context | None:
    """The context of that name, or the current one; None if there is neither."""
    file = contexts.load()
    chosen = name or file.current
    if chosen is None:
        return None
    if chosen not in file.by_name:
        raise unknown_name("context", chosen, sorted(file.by_name))
    return file.by_name[chosen]


def _token(context: Context | None) -> str | None:
    """The token in `GTC_TOKEN`, in the file `GTC_TOKEN_FILE`, or where the context refers to."""
    if os.environ.get("GTC_TOKEN"):
        return _checked_token(os.environ["GTC_TOKEN"], "GTC_TOKEN")
    if os.environ.get("GTC_TOKEN_FILE"):
        return _read_token_file(os.environ["GTC_TOKEN_FILE"])
    if context is None or context.token is None:
        return None
    scheme, _, rest = context.token.partition(":")
    if scheme == "file":
        return _read_token_file(rest)
    if not os.environ.get(rest):
        raise TokenError(f"context {context.name} takes its token from {rest}, which is not set")
    return _checked_token(os.environ[rest], rest)


def _read_token_file(name: str) -> str:
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TokenError(f"the token's file {name} cannot be read: {reason}") from error
    return _checked_token(text, name)


def _checked_token(text: str, source: str) -> str:
    """The token, valid in a header. Messages never show it."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenError(f"what {source} holds is no token: it must be one word of ASCII signs")
    return token
