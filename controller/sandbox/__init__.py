"""The local world: an emulated AWS, regional applications, and users, on loopback addresses only.

A newcomer sees the daemon at work without an account; the whole-program tests play in the same
world. `emulator/` knows nothing of the daemon; the rest reads the daemon's settings to know which
addresses to serve and which names users ask for.
"""
