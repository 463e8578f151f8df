"""The epochs: fit, validate, keep the best, go on after an interruption."""
