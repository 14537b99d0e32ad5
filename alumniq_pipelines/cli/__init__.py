"""The `alumniq` command, one module per noun."""
