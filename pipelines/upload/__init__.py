"""What goes into the bucket before a run: code, weights, images."""
