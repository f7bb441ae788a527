"""How HTTP is spoken: who calls, what was sent, what is refused, what a route declares."""
