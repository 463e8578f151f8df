"""The model registry: models, model package groups, model packages."""
