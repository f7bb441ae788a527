"""`gtc why`: why traffic moved, or did not, now or at an earlier time.

The daemon writes the explanation; for a region it begins with the region's state.
"""

from __future__ import annotations

import click

from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import client_option
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.screen.render import printable
from controller.cli.types.names import complete_regions
from controller.cli.types.time_ago import TIME_AGO


@click.command()
@click.argument("subject", metavar="[REGION|ID]", required=False, shell_complete=complete_regions)
@click.option(
    "--at",
    "at",
    metavar="TIME",
    type=TIME_AGO,
    help="As of then: 2026-06-01T12:00:00Z, or -10m for ten minutes ago.",
)
@client_option
@output_option
def why(subject: str | None, at: str | None, client: Client, output: str) -> None:
    """Why traffic moved, or did not.

    Without an argument the latest decision; with a number that decision; with a region how it
    stands, what keeps it so, and the latest decision that concerns it. With --at the same as of
    then, also when nothing happened.
    """
    if subject is not None and subject.isdecimal():
        if at is not None:
            raise click.UsageError(f"decision {subject} has its own time: leave out --at")
        _show(client, f"/v1/decisions/{subject}", output)
    elif subject is None and at is None:
        _show(client, "/v1/decisions/latest", output)
    else:
        query = {"region": subject, "at": at}
        parameters = {key: value for key, value in query.items() if value is not None}
        _show(client, "/v1/why", output, **parameters)


def _show(client: Client, path: str, output: str, **query: str) -> None:
    if output != TABLE:
        click.echo(document(client.get(path, **query), output))
    else:
        click.echo(printable(client.get_text(path, **query)).rstrip())
