"""How the emulated AWS speaks HTTP."""
