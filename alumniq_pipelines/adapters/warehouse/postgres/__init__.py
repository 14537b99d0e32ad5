"""The warehouse in PostgreSQL: a table per shape, views for readers, a role for queries."""
