"""What can go wrong in the emulated AWS, by name."""
