"""The gateway: accepts webhook calls and records their loads at once; independent of Dagster."""
