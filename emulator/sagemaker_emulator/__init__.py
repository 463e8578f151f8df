"""SageMaker on one machine: a local server that answers the AWS API and runs what it is asked."""

__version__ = "0.1.0"
