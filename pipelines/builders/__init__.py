"""The steps of the pipeline, one file each, built with the SageMaker SDK.

Only compiling a definition imports these modules, because importing the SDK takes about ten seconds
of CPU. What must be set before that import is set here.
"""

import logging
import os
import warnings

# Constructing a ModelTrainer would otherwise ask IAM whether the role has enough permissions.
os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")
# The SDK needs a region when it is imported, although a definition is compiled offline.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
# The SDK's modules warn about each other's deprecations, and log what nobody can act on.
warnings.filterwarnings("ignore", module=r"(sagemaker|pydantic|torch|mlflow)(\..*)?")
logging.getLogger("sagemaker").setLevel(logging.ERROR)
