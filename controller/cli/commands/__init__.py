"""Commands that query a daemon or order something; one file per group."""
