"""A real server for tests: receiver."""
