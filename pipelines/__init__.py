"""What runs, in which order: the definition, its parameters and the settings of each target."""

NAME = "tally"  # of the pipeline, the model package group and whatever else is made for it
