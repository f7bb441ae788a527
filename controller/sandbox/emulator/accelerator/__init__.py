"""Global Accelerator: its API, and its relays."""
