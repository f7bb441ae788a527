"""Values of the state file: what is left to the next process, unreadable rows, packed texts."""
