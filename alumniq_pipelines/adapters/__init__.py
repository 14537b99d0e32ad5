"""One foreign thing each (database, bucket, mail server, DuckDB); no Dagster, no rules."""
