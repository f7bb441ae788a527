"""`gtc completion`: shell completion of commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options and names.

    \b
    bash:  eval "$(gtc completion bash)"      in ~/.bashrc
    zsh:   eval "$(gtc completion zsh)"       in ~/.zshrc
    fish:  gtc completion fish | source       in ~/.config/fish/config.fish

    Names of regions, services and pools come from the daemon, if it answers within 300 ms.
    """
    shell_complete = get_completion_class(shell)
    assert shell_complete is not None, "click supports all three shells"
    root = click.get_current_context().find_root().command
    click.echo(shell_complete(root, {}, "gtc", "_GTC_COMPLETE").source())
