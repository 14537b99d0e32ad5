"""The warehouse: where published versions live, one module per engine."""
