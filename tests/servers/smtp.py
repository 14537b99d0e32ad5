"""A real server for tests: smtp."""
