"""Monitoring: delivery schedules, watches, and the conditions that open incidents."""
