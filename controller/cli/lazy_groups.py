"""Groups of commands that are made or loaded when they are asked for."""

from __future__ import annotations

import click


class LateGroup(click.Group):
    """Suggests the nearest of all its commands for one that it lacks; click itself knows only
    those that are loaded. What there is, `list_commands` says."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            known = self.list_commands(ctx)
            raise click.NoSuchCommand(error.command_name, possibilities=known, ctx=ctx) from error
