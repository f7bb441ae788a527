"""Bad days that the sandbox plays by itself, and checks."""
