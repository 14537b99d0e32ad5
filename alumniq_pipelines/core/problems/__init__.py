"""The texts that people read when something fails, one module per subject."""
