"""The query language of CloudWatch Logs Insights: its plain core."""
