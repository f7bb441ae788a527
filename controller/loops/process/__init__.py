"""The daemon as a process: its parts' failures, its pulse, its start."""
