"""The strict structure of delimited text (RFC 4180), verified in blocks of whole records."""
