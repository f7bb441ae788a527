"""Reports of applications about their users: traffic, and measured figures."""
