"""Making sure that a person means it: by a typed name, in red where it is production."""

from __future__ import annotations

import click

from controller.cli.daemon.client import Client
from controller.cli.screen import terminal


def confirm(client: Client, word: str, what: str) -> None:
    """Ask for `word` to be typed. Raises a click exception when it is not, or nobody is there."""
    if not terminal.at_terminal():
        raise click.UsageError(
            "this is not a terminal, so nobody can confirm it: --yes orders it without asking"
        )
    question = f"Type {word} to confirm {what}"
    if client.production is not None:
        question = terminal.paint(f"PRODUCTION ({client.production}): {question}", "red")
    typed = click.prompt(f"\n{question}", err=True).strip()
    if typed != word:
        raise click.ClickException(f"nothing was done: {typed!r} is not {word}")


def confirm_in_production(client: Client, what: str, *, yes: bool) -> None:
    """Ask for the production context's name; elsewhere, and with `yes`, ask nothing."""
    if client.production is not None and not yes:
        confirm(client, client.production, what)


yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
