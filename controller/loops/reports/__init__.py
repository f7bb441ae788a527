"""What applications report of their users."""
