"""What a pipeline definition means. Nothing here runs anything or imports ``run``."""
