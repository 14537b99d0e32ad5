"""A real server for tests: postgres."""
