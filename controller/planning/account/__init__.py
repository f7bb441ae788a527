"""Accounts of decisions: why, why not, what if, and the same decision made again."""
