"""`gtc context`: named addresses of daemons, in the user's context file."""

from __future__ import annotations

from dataclasses import asdict

import click

from controller.cli.daemon import contexts
from controller.cli.daemon.access import check_token_reference
from controller.cli.daemon.address import DaemonAddress
from controller.cli.daemon.contexts import Context, Contexts
from controller.cli.daemon.request_errors import unknown_name
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
    if not name.isprintable() or not name.strip() or any(char.isspace() for char in name):
        raise click.BadParameter("must be one word", param_hint="NAME")
    try:
        for url in endpoints:
            DaemonAddress.of(url)
        if token is not None:
            check_token_reference(token)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    old = contexts.load()
    current = old.current or name
    added = Context(name, endpoints, token, production)
    contexts.save(Contexts(current, {**old.by_name, name: added}))
    usage = "it is in use" if current == name else f"to use it: gtc context use {name}"
    click.echo(f"Context {name} is kept; {usage}.")


@context.command()
@_name
def use(name: str) -> None:
    """Use NAME whenever nothing else is said."""
    old = _contexts_with(name)
    contexts.save(Contexts(name, old.by_name))
    click.echo(f"Context {name} is in use.")


@context.command("list")
@output_option
def list_(output: str) -> None:
    """All contexts; a star marks the one in use."""
    file = contexts.load()
    if output != TABLE:
        items = [
            {**asdict(context), "current": context.name == file.current}
            for context in file.by_name.values()
        ]
        click.echo(document({"items": items}, output))
    elif file.by_name:
        head = ("", "NAME", "ENDPOINTS", "TOKEN", "PRODUCTION")
        rows = [_cells(context, file.current) for context in file.by_name.values()]
        click.echo("\n".join(aligned([head, *rows])))
    else:
        click.echo("No context is known; add one with: gtc context add NAME --endpoint URL")


@context.command()
@_name
def remove(name: str) -> None:
    """Forget NAME."""
    old = _contexts_with(name)
    current = None if old.current == name else old.current
    remaining = {key: context for key, context in old.by_name.items() if key != name}
    contexts.save(Contexts(current, remaining))
    click.echo(f"Context {name} is forgotten.")


def _contexts_with(name: str) -> Contexts:
    """The contexts of the file, if `name` is among them. Raises ApiError otherwise."""
    file = contexts.load()
    if name not in file.by_name:
        raise unknown_name("context", name, sorted(file.by_name))
    return file


def _cells(context: Context, current: str | None) -> tuple[str, ...]:
    return (
        "*" if context.name == current else " ",
        context.name,
        ",".join(context.endpoints),
        context.token or "-",
        "yes" if context.production else "-",
    )
