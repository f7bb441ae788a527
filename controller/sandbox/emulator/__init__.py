"""The emulated AWS: a replacement for the services that the daemon steers.

The sandbox and the tests use it. It is written from the vendor's documentation and wire models and
shares no code with the daemon, so that it cannot repeat the daemon's misunderstandings. Each file
names the documentation that it follows and what it does not emulate; a missing operation answers
with an AWS error that says so.
"""
