"""Search: resources found by their properties."""
