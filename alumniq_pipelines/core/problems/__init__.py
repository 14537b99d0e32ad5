"""Everything people are told when something fails, one module per reader's concern."""
