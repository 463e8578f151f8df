"""sagemaker_containers.beta."""
