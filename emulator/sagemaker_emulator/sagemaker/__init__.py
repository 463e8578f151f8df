"""The SageMaker operations, a folder for each kind of resource."""
