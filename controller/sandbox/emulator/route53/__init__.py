"""Route 53: its API and its name server."""
