"""`gtc reload`: the daemon reads its configuration again, after a preview of what changes."""

from __future__ import annotations

import click

from controller.cli import exit_codes
from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.replies import ApiReply
from controller.cli.daemon.request_errors import ApiError
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.screen.render import printable

_DEADLINE_S = 30.0
"""The daemon first ends its cycle, and may read new zones and accelerators from AWS."""


class BadConfigError(click.ClickException):
    """The configuration that the daemon read is not valid."""

    exit_code = exit_codes.BAD_CONFIG


class ReloadConflictError(click.ClickException):
    """The configuration needs a restart, or an operator who accepts its plan."""

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
    body: dict[str, object] = {"accept": accept} if accept else {}
    reply = _post_reload(client, {**body, "dry_run": True})
    if not dry_run and reply["refusal"] is None:
        reply = _post_reload(client, body)
    click.echo(_text(reply) if output == TABLE else document(reply, output))
    if reply["refusal"] is not None:
        raise ReloadConflictError(f"{'would be ' if dry_run else ''}refused: {reply['refusal']}")


def _post_reload(client: Client, body: dict[str, object]) -> ApiReply:
    try:
        return client.post("/v1/reload", body)
    except ApiError as error:
        if error.status == 422:
            raise BadConfigError(printable(error.message)) from error
        raise


def _text(reply: ApiReply) -> str:
    text = printable(reply["text"]).rstrip()
    if reply["applied"]:
        return f"{text}\n\nIn force: settings {reply['settings_hash']}."
    return f"{text}\n\nNothing was changed. This plan's hash is {reply['accept']}."
