"""The filter patterns of CloudWatch Logs: which events a search or a filter takes."""
