"""Notifications: what customers and staff receive, to which recipients, signed how."""
