"""The services around SageMaker that are run here."""
