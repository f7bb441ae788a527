"""Why something may not be done now, or not at all."""
