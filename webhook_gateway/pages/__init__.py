"""The pages that customers' integration staff and our own staff use in a browser."""
