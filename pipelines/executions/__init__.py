"""Executions of the pipeline: started, followed, and what they found out."""
