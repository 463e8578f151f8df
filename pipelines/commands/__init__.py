"""The commands of `pipeline.py`, by what they are about; each does one thing and holds no logic.

A command imports what it needs inside its function, so that `--help` and quick commands stay fast.
"""
