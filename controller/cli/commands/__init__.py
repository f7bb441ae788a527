"""Commands that ask a daemon, or give it an order: one file per group."""
