"""`--endpoint` and `--context`: the options that say which daemon a command asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource

from controller.cli.daemon.access import DEFAULT_URL, resolve_access
from controller.cli.daemon.client import DEADLINE_S, Client


def client_option(command: Callable[..., Any]) -> Any:
    """Decorator: adds `--endpoint` and `--context`; the command gets a `client`."""

    @wraps(command)
    def wrapped(
        *arguments: Any, endpoints: Sequence[str], context_name: str | None, **options: Any
    ) -> Any:
        client = client_of(click.get_current_context(), endpoints, context_name)
        return command(*arguments, client=client, **options)

    return address_options(wrapped)


def address_options(command: Callable[..., Any]) -> Any:
    """Decorator: `--endpoint` and `--context`; the command gets `endpoints`, `context_name`."""
    return click.option(
        "--endpoint",
        "endpoints",
        metavar="URL",
        envvar="GTC_URL",
        multiple=True,
        show_envvar=True,
        help="Where the daemon's admin API is; given several times, they are tried in this "
        f"order. Default: {DEFAULT_URL}",
    )(
        click.option(
            "--context",
            "context_name",
            metavar="NAME",
            envvar="GTC_CONTEXT",
            show_envvar=True,
            help="A place that `gtc context` knows.",
        )(command)
    )


def client_of(
    context: click.Context,
    endpoints: Sequence[str],
    context_name: str | None,
    deadline_s: float = DEADLINE_S,
) -> Client:
    """A client for the address and token of the options, environment and context file.

    Raises BadParameter when an address is not valid.
    """
    command_line = ParameterSource.COMMANDLINE
    access = resolve_access(
        endpoints,
        context_name,
        endpoints_typed=context.get_parameter_source("endpoints") is command_line,
        context_typed=context.get_parameter_source("context_name") is command_line,
    )
    try:
        return Client(
            *access.urls, deadline_s=deadline_s, token=access.token, production=access.production
        )
    except ValueError as error:
        raise click.BadParameter(str(error), context, param_hint="--endpoint") from error
