"""What `alumniq doctor` checks: one module per subject, and one table of all checks."""
