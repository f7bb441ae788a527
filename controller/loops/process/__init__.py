"""The daemon as a process: supervision of its loops, heartbeat, loading of state."""
