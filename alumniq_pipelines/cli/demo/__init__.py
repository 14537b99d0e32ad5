"""The demo: the whole system shown at work on made-up files."""
