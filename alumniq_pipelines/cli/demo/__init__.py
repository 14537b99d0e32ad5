"""The demo: runs the whole system on made-up files."""
