"""The loading side: from a file in a bucket to a published version and a notified customer."""
