"""Levers: reading them from AWS, writing them, and following what was written."""
