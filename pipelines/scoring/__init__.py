"""Batch scoring: a folder of bin images counted by a model version in SageMaker Transform jobs.

Read in this order: `images` (what is counted), `job` (the jobs around it), `answers` (what came
out), `table` (the CSV and the summary).
"""
