"""Batch scoring: count a folder of images with a model version, in SageMaker transform jobs.

`batch` is the whole of it; in its order: `images` (what to count), `records` (the stock records),
`job` and `run` (the transform jobs), `answers` and `scores` (their result), `table` (the CSV file).
"""
