"""Answers in HTTP: heads, bodies and their codings, and what an endpoint expects of them."""
