"""Reload: changed settings made active while the daemon runs."""
