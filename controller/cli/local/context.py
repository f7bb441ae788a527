"""`gtc context`: names for the places where daemons are."""

from __future__ import annotations

from dataclasses import asdict

import click

from controller.cli.daemon import contexts
from controller.cli.daemon.address import check_reference
from controller.cli.daemon.contexts import Context, Contexts
from controller.cli.daemon.request_errors import unknown
from controller.cli.daemon.transport import DaemonAddress
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.types.names import complete_contexts
from controller.planning.account.columns import aligned

_name = click.argument("name", shell_complete=complete_contexts)


@click.group()
def context() -> None:
    """Names for the places where daemons are, and which one is meant.

    They are kept in gtc/contexts.json in $XDG_CONFIG_HOME or ~/.config, without any token.
    """


@context.command()
@click.argument("name")
@click.option(
    "--endpoint",
    "endpoints",
    metavar="URL",
    multiple=True,
    required=True,
    help="Given several times, they are tried in this order.",
)
@click.option("--token", metavar="REF", help="Where its token is: file:/path or env:NAME.")
@click.option(
    "--production", is_flag=True, help="Orders are confirmed by a typed name, asked in red."
)
def add(name: str, endpoints: tuple[str, ...], token: str | None, production: bool) -> None:
    """Add NAME, or say anew what it is. The first one is in use at once."""
    if not name.isprintable() or not name.strip() or any(sign.isspace() for sign in name):
        raise click.BadParameter("must be one word", param_hint="NAME")
    try:
        for url in endpoints:
            DaemonAddress.of(url)
        if token is not None:
            check_reference(token)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    old = contexts.load()
    one = Context(name, endpoints, token, production)
    contexts.save(Contexts(old.current or name, {**old.known, name: one}))
    used = "it is in use" if (old.current or name) == name else f"to use it: gtc context use {name}"
    click.echo(f"Context {name} is kept; {used}.")


@context.command()
@_name
def use(name: str) -> None:
    """Use NAME whenever nothing else is said."""
    old = _with(name)
    contexts.save(Contexts(name, old.known))
    click.echo(f"Context {name} is in use.")


@context.command("list")
@output_option
def list_(output: str) -> None:
    """All contexts; a star marks the one in use."""
    found = contexts.load()
    if output != TABLE:
        items = [
            {**asdict(one), "current": one.name == found.current} for one in found.known.values()
        ]
        click.echo(document({"items": items}, output))
    elif found.known:
        head = ("", "NAME", "ENDPOINTS", "TOKEN", "PRODUCTION")
        rows = [_cells(one, found.current) for one in found.known.values()]
        click.echo("\n".join(aligned([head, *rows])))
    else:
        click.echo("No context is known; add one with: gtc context add NAME --endpoint URL")


@context.command()
@_name
def remove(name: str) -> None:
    """Forget NAME."""
    old = _with(name)
    current = None if old.current == name else old.current
    contexts.save(Contexts(current, {key: one for key, one in old.known.items() if key != name}))
    click.echo(f"Context {name} is forgotten.")


def _with(name: str) -> Contexts:
    """The file's contents, which know that name."""
    found = contexts.load()
    if name not in found.known:
        raise unknown("context", name, sorted(found.known))
    return found


def _cells(one: Context, current: str | None) -> tuple[str, ...]:
    return (
        "*" if one.name == current else " ",
        one.name,
        ",".join(one.endpoints),
        one.token or "-",
        "yes" if one.production else "-",
    )
