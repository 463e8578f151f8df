"""S3: a server process of its own; objects are files, what is known of them is in SQLite."""
