"""What runs, in which order: the definition, its parameters and the settings of each target."""

# Of the project: prefix in the bucket, images, tags. `settings.name` names what one stage has.
NAME = "tally"
