"""A real server for tests: s3."""
