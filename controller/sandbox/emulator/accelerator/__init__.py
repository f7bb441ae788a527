"""Global Accelerator: its API, its health checks and its relay."""
