"""The levers that steer a service: one file for each kind, found by `registry.lever_of`."""
