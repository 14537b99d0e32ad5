"""The strict structure of delimited text (RFC 4180): proven fast, or mended row by row."""
