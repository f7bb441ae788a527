"""HTTP of the emulated AWS: gateway, wire formats, listener."""
