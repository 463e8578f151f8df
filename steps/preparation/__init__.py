"""The parts of Prepare: options, source, metadata, selection, same-bin groups, split, manifest."""
