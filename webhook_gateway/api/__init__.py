"""The status API: JSON over HTTP around the use cases, and the document that describes it."""
