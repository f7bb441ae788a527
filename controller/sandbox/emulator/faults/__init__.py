"""Faults of the emulated AWS, by name."""
