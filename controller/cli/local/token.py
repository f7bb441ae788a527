"""`gtc token new`: a token for a caller of the admin API, and the settings that accept it.

The settings hold only the token's SHA-256, so that a reader of the settings cannot use it. The hash
needs no salt, because the token is 256 random bits.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, date, datetime

import click

PREFIX = "gtc_"
"""Prefix by which tokens are recognised where they must not be, such as in logs."""
_ROLES = ("viewer", "operator", "admin")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def _checked_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not _NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} must be lower-case letters, digits and hyphens, and begin with a letter"
        )
    return value


def _checked_day(
    _context: click.Context, _parameter: click.Parameter, value: datetime | None
) -> date | None:
    if value is None:
        return None
    if value.date() <= datetime.now(UTC).date():
        raise click.BadParameter(f"{value.date().isoformat()} is not after today")
    return value.date()


@click.group()
def token() -> None:
    """Make a token for the admin API."""


@token.command()
@click.option("--name", required=True, callback=_checked_name, help="Who it is for, in the audit.")
@click.option(
    "--role",
    required=True,
    type=click.Choice(_ROLES),
    help="viewer looks, operator gives orders and reports what users do, admin does everything.",
)
@click.option(
    "--expires",
    "expires_at",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    callback=_checked_day,
    help="First day, in UTC, on which it is refused; default: it never expires.",
)
def new(name: str, role: str, expires_at: date | None) -> None:
    """Make a token and print it, once, with the settings that let it in.

    The token goes to standard output; everything else to standard error, so that a script can take
    it from there. Nothing is stored.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    click.echo("The token, shown only now; keep it where only its owner reads it:", err=True)
    click.echo(secret)
    click.echo("\n".join(_settings(name, role, expires_at, secret)), err=True)


def _settings(name: str, role: str, expires_at: date | None, secret: str) -> list[str]:
    lines = [
        "",
        "Add to the daemon's settings:",
        "",
        "api:",
        "  tokens:",
        f"    - name: {name}",
        f"      role: {role}",
        f"      sha256: {hashlib.sha256(secret.encode()).hexdigest()}",
    ]
    if expires_at is not None:
        lines.append(f"      expires_at: {expires_at.isoformat()}")
    return [
        *lines,
        "",
        "Callers give it in GTC_TOKEN, in the file that GTC_TOKEN_FILE names, or as the header",
        "`Authorization: Bearer TOKEN`.",
    ]
