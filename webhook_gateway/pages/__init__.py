"""The pages: what customers' integration staff and our own see in a browser."""
