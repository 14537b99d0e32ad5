"""The warehouse in DuckDB files: a file per version, and a catalog file to query them."""
