"""The settings of each target."""
