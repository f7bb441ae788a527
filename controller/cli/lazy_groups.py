"""A click group whose commands are created or imported on demand."""

from __future__ import annotations

import click


class SuggestingGroup(click.Group):
    """Suggests the nearest names of `list_commands` for an unknown command.

    Click itself suggests only commands that are already loaded.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            names = self.list_commands(ctx)
            raise click.NoSuchCommand(error.command_name, possibilities=names, ctx=ctx) from error
