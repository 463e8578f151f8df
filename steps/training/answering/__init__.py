"""From a trained network to answers: what the record adds, what is strange, when a bin passes."""
