"""The use cases of the gateway, for customers and for staff; no Starlette here."""
