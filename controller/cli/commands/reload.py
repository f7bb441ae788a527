"""`gtc reload`: the daemon reads its configuration again, and shows first what that changes."""

from __future__ import annotations

import click

from controller.cli import exit_codes
from controller.cli.daemon.client import ApiReply, Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.request_errors import ApiError
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.screen.render import printable

_DEADLINE_S = 30.0
"""It waits for the cycle under way, and may read zones and accelerators it did not know."""


class BadConfigError(click.ClickException):
    """What the daemon read cannot be used."""

    exit_code = exit_codes.BAD_CONFIG


class ReloadConflictError(click.ClickException):
    """It could be used, and not without a person or a restart."""

    exit_code = exit_codes.REFUSED


@click.command()
@client_option
@click.option("--dry-run", is_flag=True, help="Show what would change and do nothing.")
@click.option(
    "--accept",
    metavar="HASH",
    help="Agree to the plan that was shown with this hash, though it moves several regions.",
)
@output_option
def reload(client: Client, dry_run: bool, accept: str | None, output: str) -> None:
    """Have the daemon read its configuration again and put it in force.

    The file, the environment's secrets and certificate authorities are read where the daemon runs.
    A mistake, a key that needs a restart, or a plan that takes traffic from more than one region
    leaves everything as it is. SIGHUP does the same without being asked to accept.
    """
    client.set_deadline(_DEADLINE_S)
    order: dict[str, object] = {"accept": accept} if accept else {}
    shown = _post_reload(client, {**order, "dry_run": True})
    if not dry_run and shown["refusal"] is None:
        shown = _post_reload(client, order)
    click.echo(_text(shown) if output == TABLE else document(shown, output))
    if shown["refusal"] is not None:
        raise ReloadConflictError(f"{'would be ' if dry_run else ''}refused: {shown['refusal']}")


def _post_reload(client: Client, order: dict[str, object]) -> ApiReply:
    try:
        return client.post("/v1/reload", order)
    except ApiError as error:
        if error.status == 422:
            raise BadConfigError(printable(error.message)) from error
        raise


def _text(shown: ApiReply) -> str:
    text = printable(shown["text"]).rstrip()
    if shown["applied"]:
        return f"{text}\n\nIn force: settings {shown['settings_hash']}."
    return f"{text}\n\nNothing was changed. This plan's hash is {shown['accept']}."
