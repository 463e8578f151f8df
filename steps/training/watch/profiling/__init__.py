"""The profile of a training: slowest operators, findings in words, one HTML page."""
