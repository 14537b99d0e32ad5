"""The gateway: answers webhooks at once and records loads; knows nothing of Dagster."""
