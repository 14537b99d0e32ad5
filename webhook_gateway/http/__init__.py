"""The HTTP protocol: authentication, limits, request bodies, errors and middleware."""
