"""The API described by itself: OpenAPI, and a page for people."""
