"""Health, request ids and response headers."""
