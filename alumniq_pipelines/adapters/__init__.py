"""One foreign system each (database, bucket, mail server, DuckDB); no Dagster, no rules."""
