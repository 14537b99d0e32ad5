"""Servers and values that tests in several folders need; each server is in `tests/servers/`."""

pytest_plugins = [
    "tests.servers.collector",
    "tests.servers.postgres",
    "tests.servers.s3",
    "tests.servers.s3_faults",
    "tests.servers.smtp",
    "tests.servers.receiver",
    "tests.servers.gateway",
]
