"""The epochs: train, validate, keep the best, resume after an interruption."""
