"""Types of options and arguments."""
