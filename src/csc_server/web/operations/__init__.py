"""Health, request ids, response headers, the reference page of the API, and purging beside requests."""
