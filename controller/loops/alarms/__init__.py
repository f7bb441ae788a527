"""Warnings in the log when something begins, and when it ends."""
