"""Values and rules by subject, each folder knowing only those below it; no I/O and no clock."""
