"""The desk: pages for the warehouse."""
