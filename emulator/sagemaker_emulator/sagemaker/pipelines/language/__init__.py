"""What a pipeline definition means; nothing here runs anything."""
