"""`--set KEY=VALUE`: a setting that overrides the file and the environment."""

from __future__ import annotations

from typing import Any

import click


def set_option(command: Any) -> Any:
    """Decorator: adds `--set`, which may be repeated; the command gets the texts as `flags`."""
    return click.option(
        "--set",
        "flags",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_checked,
        help="A setting that goes over file and environment, such as api.port=9000.",
    )(command)


def _checked(
    context: click.Context, parameter: click.Parameter, flags: tuple[str, ...]
) -> tuple[str, ...]:
    for flag in flags:
        if "=" not in flag:
            message = f"{flag!r} is not of the form KEY=VALUE, such as api.port=9000"
            raise click.BadParameter(message, context, parameter)
    return flags
