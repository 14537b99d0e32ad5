"""Access: API keys, S3 keys and sessions, and what each of them may do."""
