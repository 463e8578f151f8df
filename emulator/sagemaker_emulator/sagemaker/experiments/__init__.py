"""Experiments, trials and trial components: plain records, and those that jobs leave."""
