"""A training job of a script, as a user of the SageMaker SDK writes them for AWS.

test_sdk.py runs this script in a process of its own, as the SDK takes seconds to import. Its
argument is the folder with train.py.
"""

import sys

import boto3
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

boto = boto3.Session()
session = Session(boto_session=boto)
boto.client("s3").put_object(Bucket=session.default_bucket(), Key="words/a.txt", Body=b"a word")
trainer = ModelTrainer(
    training_image="123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest",
    source_code=SourceCode(source_dir=sys.argv[1], entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1),
    hyperparameters={"batch-size": 32, "name": "two words", "debug": True},
    base_job_name="source-code",
    role=get_execution_role(),
    sagemaker_session=session,
)
words = f"s3://{session.default_bucket()}/words/"
trainer.train([InputData(channel_name="words", data_source=words)], wait=True, logs=False)
job = trainer._latest_training_job
print(job.training_job_status)
print(job.model_artifacts.s3_model_artifacts)
