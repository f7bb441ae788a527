"""Accounts of decisions: why, why not, what if, and replay."""
