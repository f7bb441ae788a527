"""HTTP for all routes: callers, parameters, bodies, limits, errors, connections."""
