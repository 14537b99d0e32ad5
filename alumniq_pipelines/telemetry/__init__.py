"""Logs and traces of a process: their format, and whom a line or span is about; no rules."""
