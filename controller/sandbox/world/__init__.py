"""The world outside AWS: regional applications, and simulated users who visit them."""
