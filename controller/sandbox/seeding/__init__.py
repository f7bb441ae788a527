"""What stands in the emulated AWS before the daemon starts."""
