"""What training leaves: the model's files and its exported form."""
