"""Probing: when each endpoint is probed, and what is believed of its health."""
