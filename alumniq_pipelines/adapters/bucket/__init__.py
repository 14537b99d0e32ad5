"""Buckets: where customers put their files; a folder of this machine, or S3."""
