"""A pipeline of two steps, as a user of the SageMaker SDK writes it: the second reads the first.

Run by test_installed.py with the Python of an environment that holds the SDK and the emulator.
"""

import contextlib
from pathlib import Path

import boto3
from botocore.exceptions import WaiterError
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import (
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow import Pipeline, ProcessingStep

BUCKET = "two-steps"
NUMBERS = f"s3://{BUCKET}/numbers"

boto3.client("s3").create_bucket(Bucket=BUCKET)
session = PipelineSession(boto_session=boto3.Session(), default_bucket=BUCKET)
processor = ScriptProcessor(
    image_uri="123456789012.dkr.ecr.us-east-1.amazonaws.com/my-image:latest",
    command=["python3"],
    role=get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
Path("write.py").write_text("open('/opt/ml/processing/output/numbers', 'w').write('40 2')")
Path("add.py").write_text(
    "print('sum', sum(map(int, open('/opt/ml/processing/input/numbers').read().split())))"
)
output = ProcessingS3Output(
    s3_uri=NUMBERS, local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"
)
write = ProcessingStep(
    "Write",
    step_args=processor.run(
        code="write.py", outputs=[ProcessingOutput(output_name="numbers", s3_output=output)]
    ),
)
source = ProcessingS3Input(
    s3_uri=NUMBERS,
    local_path="/opt/ml/processing/input",
    s3_data_type="S3Prefix",
    s3_input_mode="File",
)
add = ProcessingStep(
    "Add",
    step_args=processor.run(
        code="add.py", inputs=[ProcessingInput(input_name="numbers", s3_input=source)]
    ),
    depends_on=["Write"],
)
pipeline = Pipeline("two-steps", steps=[write, add], sagemaker_session=session)
pipeline.upsert()
execution = pipeline.start()
with contextlib.suppress(WaiterError):  # the steps tell why it failed
    execution.wait(delay=1)
for step in reversed(execution.list_steps()):
    job = step["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    print(step["StepName"], step["StepStatus"], job, step.get("FailureReason", ""))
