"""Seeding: the resources that the emulated AWS contains before the daemon starts."""
