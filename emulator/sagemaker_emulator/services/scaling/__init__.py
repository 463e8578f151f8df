"""Application Auto Scaling of SageMaker's endpoint variants."""
