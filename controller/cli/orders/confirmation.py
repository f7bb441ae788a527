"""Confirmation by a typed word; in red when the context is a production one."""

from __future__ import annotations

import click

from controller.cli.daemon.client import Client
from controller.cli.screen import terminal


def confirm(client: Client, word: str, what: str) -> None:
    """Ask the user to type `word`.

    Raises UsageError without a terminal, and ClickException when the user types something else.
    """
    if not terminal.can_prompt():
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
    """Ask for the production context's name. Asks nothing with `yes` or in any other context."""
    if client.production is not None and not yes:
        confirm(client, client.production, what)


yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
