"""The words of Dagster for what the rooms above do."""
