"""A pipeline and a training job as a user of the SageMaker SDK writes them, for AWS.

test_sdk.py runs this script in a process of its own, as the SDK takes seconds to import. Its
argument is the script of the processing step.
"""

import sys

import boto3
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow import Pipeline, ProcessingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, OutputDataConfig

BUCKET = "sdk"

boto = boto3.Session()
boto.client("s3").create_bucket(Bucket=BUCKET)
role = get_execution_role()

processor = ScriptProcessor(
    image_uri="123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest",
    command=["python3"],
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=PipelineSession(boto_session=boto, default_bucket=BUCKET),
)
pipeline = Pipeline(
    "sdk",
    steps=[ProcessingStep("Print", step_args=processor.run(code=sys.argv[1]))],
    sagemaker_session=PipelineSession(boto_session=boto, default_bucket=BUCKET),
)
pipeline.upsert()
execution = pipeline.start()
execution.wait(delay=1)
for step in execution.list_steps():
    print("step", step["StepName"], step["StepStatus"])

trainer = ModelTrainer(
    training_image="123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest",
    compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{BUCKET}/models"),
    hyperparameters={"word": "hello"},
    base_job_name="sdk",
    sagemaker_session=Session(boto_session=boto),
)
trainer.train(wait=True, logs=True)
print("role", role, "of account", Session(boto_session=boto).account_id())
print("bucket", Session(boto_session=boto).default_bucket())
