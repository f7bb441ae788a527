"""The sandbox: an emulated AWS, regional applications and simulated users, on loopback addresses.

It shows the daemon at work without an AWS account; whole-program tests use it, too. `emulator/`
shares nothing with the daemon. The other modules read the daemon's settings to know which addresses
to serve and which names users resolve.
"""
