"""The state file: one SQLite file, written by one thread."""
