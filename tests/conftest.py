"""Servers and values that tests of several folders need; each server lives in `tests/servers/`."""

pytest_plugins = [
    "tests.servers.postgres",
    "tests.servers.s3",
    "tests.servers.smtp",
    "tests.servers.receiver",
    "tests.servers.gateway",
]
