"""The commands' way to a daemon: where it is, who calls, what it answers."""
