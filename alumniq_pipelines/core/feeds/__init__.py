"""Feeds: field maps, their columns and types, and the catalog of all feeds."""
