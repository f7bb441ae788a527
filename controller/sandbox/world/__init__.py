"""The world outside AWS: regional applications, and the users who visit them."""
