"""Files of this machine: private folders, scratch space, and paths that DuckDB reads literally."""
