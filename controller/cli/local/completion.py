"""`gtc completion`: what a shell needs to complete commands, options and names."""

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
    found = get_completion_class(shell)
    assert found is not None, "click knows all three"
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "gtc", "_GTC_COMPLETE").source())
