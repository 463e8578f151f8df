"""The profile of a training: its slowest operators, findings in words, and one HTML page."""
