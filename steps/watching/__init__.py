"""Watching: do the photos and answers of the endpoint still look like those of the test?

Evaluate writes the baseline with it, and the watch step compares what the endpoint answered.
"""
