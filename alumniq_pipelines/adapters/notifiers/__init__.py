"""Ways of telling somebody something, one module per channel."""
