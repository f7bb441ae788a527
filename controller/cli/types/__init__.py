"""What options and arguments of commands may be."""
