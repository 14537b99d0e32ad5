"""Dagster: assets, checks, jobs, partitions, resources and sensors around the services."""
