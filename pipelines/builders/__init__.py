"""One file for each kind of step: how it is told to SageMaker.

Only compiling a definition imports these modules, because they import the SageMaker SDK (about ten
seconds of CPU). What must be true before that import is made true here.
"""

import logging
import os
import warnings

# Constructing a ModelTrainer would otherwise ask IAM whether the role is good enough.
os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")
# The SDK asks for a region when it is imported, though a definition is compiled offline.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
# Its modules warn about each other's deprecations, and log at INFO what a person cannot act on.
warnings.filterwarnings("ignore", module=r"(sagemaker|pydantic|torch|mlflow)(\..*)?")
logging.getLogger("sagemaker").setLevel(logging.ERROR)
