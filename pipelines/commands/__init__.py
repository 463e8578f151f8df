"""The verbs of `pipeline.py`, by what they are about; each does one thing and holds no logic."""
