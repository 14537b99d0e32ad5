"""The status API: the services as JSON over HTTP, and the OpenAPI document that describes it."""
