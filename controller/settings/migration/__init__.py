"""Files of schema version 1 in the form of version 2."""
