"""Values and rules: standard library and pydantic only; no I/O, no clock, no frames."""
