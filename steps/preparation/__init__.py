"""What Prepare is made of: source, metadata, same-bin groups, choice, split."""
