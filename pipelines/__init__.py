"""What runs, in which order: the definition, its parameters and the settings of each target."""
