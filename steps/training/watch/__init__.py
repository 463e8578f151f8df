"""Observation of a training: tracking, profile, saved tensors, debug rules."""
