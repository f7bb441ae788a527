"""AWS's health checkers."""
