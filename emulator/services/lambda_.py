"""Lambda functions, run as real processes."""
