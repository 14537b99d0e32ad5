"""The warehouse: where published versions live, one folder per engine."""
