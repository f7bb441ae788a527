"""`gtc status`: regions, pools and shares on one screen.

A terminal gets a coloured table (by rich, imported only then), a pipe plain rows, a program
documents.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import click

from controller.cli import exit_codes
from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.replies import ApiReply
from controller.cli.daemon.request_errors import unknown_name
from controller.cli.screen import terminal
from controller.cli.screen.output import TABLE, document, output_option, stream_document
from controller.cli.screen.status_report import StatusReport, build_report, fingerprint
from controller.cli.screen.status_table import as_text
from controller.cli.types.names import complete_services

_PERIOD_S = 1.0

Poll = ApiReply | click.ClickException
"""One reply while watching, or the error instead of it."""


@click.command()
@client_option
@click.option("-w", "--watch", is_flag=True, help="Go on until Ctrl-C; in a pipe, print changes.")
@output_option
@click.option(
    "--service", metavar="NAME", shell_complete=complete_services, help="Only this service."
)
def status(client: Client, watch: bool, output: str, service: str | None) -> None:
    """Regions, pools and shares on one screen, the worst first.

    DESIRED is what the plan wants, OBSERVED what AWS says, ANSWERED what name servers answer users,
    MEASURED what users do. The bar draws OBSERVED. Behind an accelerator a share is the region's
    dial.
    """
    on_screen = output == TABLE and terminal.can_redraw()
    if watch:
        _watch(_polls(client, service), output, on_screen=on_screen)
    else:
        _show_once(_fetch_status(client, service), output, on_screen=on_screen)


def _show_once(status: ApiReply, output: str, *, on_screen: bool) -> None:
    if on_screen:
        from rich.console import Console

        from controller.cli.screen.status_screen import show

        show(build_report(status), Console())
    else:
        click.echo(as_text(build_report(status)) if output == TABLE else document(status, output))


def _watch(polls: Iterable[Poll], output: str, *, on_screen: bool) -> None:
    try:
        if on_screen:
            from rich.console import Console

            from controller.cli.screen.status_screen import show_live

            show_live(map(_report_or_error, polls), Console())
        else:
            _print_changes(
                polls, _block if output == TABLE else partial(_error_or_document, output)
            )
    except KeyboardInterrupt:
        click.get_current_context().exit(exit_codes.INTERRUPTED)


def _print_changes(polls: Iterable[Poll], text_of: Callable[[Poll], str]) -> None:
    last: object = None
    for poll in polls:
        current = poll.message if isinstance(poll, click.ClickException) else fingerprint(poll)
        if current != last:
            click.echo(text_of(poll))
        last = current


def _block(poll: Poll) -> str:
    if isinstance(poll, click.ClickException):
        return f"{poll.message}\n"
    return f"{poll['at']}\n{as_text(build_report(poll))}\n"


def _error_or_document(output: str, poll: Poll) -> str:
    value = {"error": poll.message} if isinstance(poll, click.ClickException) else poll
    return stream_document(value, output)


def _report_or_error(poll: Poll) -> StatusReport | str:
    return poll.message if isinstance(poll, click.ClickException) else build_report(poll)


def _polls(client: Client, service: str | None) -> Iterator[Poll]:
    """A reply or an error every second. An error of the first request is raised."""
    yield _fetch_status(client, service)
    while True:
        time.sleep(_PERIOD_S)
        try:
            yield _fetch_status(client, service)
        except click.ClickException as error:
            yield error


def _fetch_status(client: Client, service: str | None) -> ApiReply:
    status = client.get("/v1/status")
    if service is None:
        return status
    names = [item["name"] for item in status["services"]]
    if service not in names:
        raise unknown_name("service", service, names)
    services = [item for item in status["services"] if item["name"] == service]
    overrides = [item for item in status["overrides"] if item["service"] in (None, service)]
    return ApiReply(status, services=services, overrides=overrides)
