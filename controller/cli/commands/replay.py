"""`gtc replay`: repeats a recorded decision, by the daemon or from a file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from controller import __version__
from controller.cli import exit_codes
from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import client_option
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.screen.render import printable

_DEADLINE_S = 60.0
"""Seconds for a decision on a large snapshot."""


@click.command()
@click.argument("decision_id", metavar="[ID]", type=click.IntRange(min=1), required=False)
@click.option(
    "--file",
    "file",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Decide on a snapshot that --export wrote, here and without a daemon.",
)
@click.option(
    "--export",
    "export",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write everything the decision was made of to a file instead.",
)
@client_option
@output_option
def replay(
    decision_id: int | None, file: Path | None, export: Path | None, client: Client, output: str
) -> None:
    """Make a recorded decision again and compare.

    The same version must decide the same, byte for byte; if it does not, this exits with 1. What
    another version decided otherwise is shown as information.
    """
    if (decision_id is None) == (file is None):
        raise click.UsageError("name either a decision's ID or a --file")
    if file is not None:
        if export is not None:
            raise click.UsageError("--export writes what a daemon keeps; it goes with an ID")
        _finish(_from_file(file), output)
        return
    client.set_deadline(_DEADLINE_S)
    if export is not None:
        _export(client.get(f"/v1/decisions/{decision_id}/snapshot"), export)
    else:
        _finish(client.get(f"/v1/decisions/{decision_id}/replay"), output)


def _finish(reply: dict[str, object], output: str) -> None:
    text = printable(str(reply["text"])).rstrip()
    click.echo(text if output == TABLE else document(reply, output))
    if not reply["faithful"]:
        click.get_current_context().exit(exit_codes.FAILED)


def _export(content: dict[str, object], path: Path) -> None:
    try:
        # Members keep the order of the reply.
        path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"Written to {path}. Replay it with: gtc replay --file {path}")


def _from_file(path: Path) -> dict[str, object]:
    """The same as the daemon's reply. Imports the planner here, for no other command needs it."""
    from controller.model.decoding import UnreadableError
    from controller.model.encoding import EXACT
    from controller.planning.account.evidence import import_evidence
    from controller.planning.account.replay import replay as decide_again
    from controller.planning.account.replay_text import explain_replay

    try:
        text = path.read_text(encoding="utf-8")
        replayed = decide_again(import_evidence(text), __version__)
    except (OSError, UnicodeDecodeError, UnreadableError) as error:
        raise click.ClickException(f"{path}: {error}") from error
    members = EXACT(replayed)
    assert isinstance(members, dict)
    return {**members, "faithful": replayed.faithful, "text": explain_replay(replayed)}
