"""The status API: JSON over HTTP around the services, and the document that describes it."""
