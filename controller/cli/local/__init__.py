"""Commands that run without a daemon, and `gtc run`."""
