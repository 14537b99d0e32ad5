"""The use cases, free of Dagster and HTTP: they fetch, decide and apply."""
