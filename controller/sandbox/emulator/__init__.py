"""The emulated AWS: a stand-in for the services that the controller steers.

It serves the sandbox and the tests. It is written from the vendor's documentation and wire models
and shares no code with the daemon, so that it cannot repeat the daemon's own misreadings. Each
file names the documentation it follows and says what it does not emulate; whatever is missing
answers with an AWS error that says so.
"""
