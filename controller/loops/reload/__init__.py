"""Changed settings taken over while the daemon runs."""
