"""What is kept: resources in SQLite, S3 objects as files."""
