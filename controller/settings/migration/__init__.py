"""Migration of files of schema version 1 to version 2."""
