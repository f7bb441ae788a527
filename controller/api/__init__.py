"""The admin API: HTTP in front of the loops.

It translates requests into calls of the layer below and its values into JSON; it decides nothing.
Paths and JSON members are public. `app.build` makes the application, `http.server.serving` serves
it.

Imports point down: `app`, `routes`, `views` and `description`, `http`, `dependencies`, `metrics`.
"""
