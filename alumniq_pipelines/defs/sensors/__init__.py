"""The sensors, one module each, and their shared parts."""
