"""The one loop that decides, what it looks at, and what is kept of it."""
