"""What customers and staff may ask and do; no Starlette here."""
