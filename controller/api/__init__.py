"""The admin API: HTTP in front of the loops.

Translates requests into calls of the layer below and its values into JSON; decides nothing. Paths
and shapes are public. `app.build` puts it together, `server.serving` listens.
"""
