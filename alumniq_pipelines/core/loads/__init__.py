"""Loads: their states and outcomes, and the ports to buckets, archive and warehouse."""
