"""Output of commands: on a terminal, in a pipe, as documents."""
