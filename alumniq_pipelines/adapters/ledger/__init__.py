"""The ledger, the control database: one module per noun."""
