"""The strict structure of delimited text (RFC 4180): verified fast, or row by row."""
