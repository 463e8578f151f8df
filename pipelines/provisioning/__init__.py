"""What the pipeline needs around it, and the pipeline itself: made, and brought up to date."""
