"""Lineage: artifacts, actions, contexts, the associations between them, and queries."""
