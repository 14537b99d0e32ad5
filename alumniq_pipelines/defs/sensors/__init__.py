"""The sensors, one module each, with what they share."""
