"""Access to a daemon: its address, the caller's token, requests and replies."""
