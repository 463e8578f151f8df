"""Functions that run as jobs, as a user of the SageMaker SDK writes them: `@remote` and `@step`.

test_sdk_remote_function.py runs this script in a process of its own, in a folder with a
requirements.txt that brings the jobs the SDK and the package `shelf`.
"""

import sys

import boto3
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.image_uris import get_base_python_image_uri
from sagemaker.core.remote_function import remote
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow import Pipeline
from sagemaker.mlops.workflow.function_step import step

boto = boto3.Session()
settings = {
    # The SDK takes it by itself for Python 3.8 and 3.10, of which AWS has images.
    "image_uri": get_base_python_image_uri(
        "us-east-1", py_version="{}{}".format(*sys.version_info)
    ),
    "dependencies": "./requirements.txt",
    "instance_type": "ml.m5.large",
    "role": get_execution_role(),
}


@remote(sagemaker_session=Session(boto_session=boto), **settings)  # type: ignore[untyped-decorator]
def divide(dividend: float, divisor: float) -> float:
    print("dividing", dividend)
    return dividend / divisor


@step(name="count", **settings)  # type: ignore[untyped-decorator]
def count(text: str) -> dict[str, object]:
    import shelf

    return {"words": len(text.split()), "version": shelf.version}


@step(name="tell", **settings)  # type: ignore[untyped-decorator]
def tell(counted: dict[str, object]) -> str:
    return f"{counted['words']} words by {counted['version']}"


try:
    divide(7, divisor=0)
except ZeroDivisionError as error:
    print("raised", error)
session = PipelineSession(boto_session=boto)
pipeline = Pipeline("functions", steps=[tell(count("a few words"))], sagemaker_session=session)
pipeline.upsert(role_arn=get_execution_role())
execution = pipeline.start()
execution.wait(delay=1, max_attempts=200)
print(sorted((each["StepName"], each["StepStatus"]) for each in execution.list_steps()))
print("result", execution.result("tell"))
