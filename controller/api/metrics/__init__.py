"""The metrics of the daemon; `daemon_metrics` has all of them in one registry."""
