"""Processing and training jobs, and what every kind of job shares."""
