"""The jobs of the pipeline, described so that unchanged code gives an unchanged request.

The SDK's own ways to send code use addresses with timestamps, and the step cache would never hit.
So code is an input like data, at an address that its content determines.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from sagemaker.core.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.core.shapes import ProcessingS3Input, ProcessingS3Output
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, OutputDataConfig

import upload
from target import ROOT, Settings

# The scripts of each job. Train writes inference.py and network.py into the model.
CODE = {
    "prepare": ["prepare.py"],
    "train": ["inference.py", "network.py", "train.py"],
    "evaluate": ["evaluate.py"],
}
CACHE = CacheConfig(enable_caching=True, expire_after="P30D")
FOLDER = "/opt/ml/processing"
# Waiting threads of torch sleep. Where cores are shared, spinning ones slow each other down.
ENVIRONMENT = {"OMP_WAIT_POLICY": "passive"}
SDK_CONFIGURATION = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}


class Jobs:
    """Makes processing and training jobs that share settings, image and session."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        offline = boto3.Session("offline", "offline", region_name=settings.region)
        self.session = PipelineSession(offline, sagemaker_config=SDK_CONFIGURATION)
        # The SDK's own would ask S3 and STS.
        self.session.default_bucket = lambda: settings.bucket

    def processing(
        self,
        name: str,
        inputs: Mapping[str, Any],
        outputs: Sequence[str],
        reports: Sequence[PropertyFile] = (),
    ) -> ProcessingStep:
        """A step that runs steps/<name>.py.

        Args:
            name: The step's name.
            inputs: The address of each folder below /opt/ml/processing/input.
            outputs: The folders below /opt/ml/processing/output.
            reports: The files there that other steps read.
        """
        script = name.lower()
        processor = Processor(
            role=self.settings.role,
            image_uri=self.settings.image,
            entrypoint=["python3", f"{FOLDER}/input/code/{script}.py"],
            env=ENVIRONMENT,
            instance_count=1,
            instance_type=self.settings.job_instance,
            base_job_name=f"{self.settings.name}-{script}",
            sagemaker_session=self.session,
        )
        sources = {"code": code_address(self.settings, script), **inputs}
        arguments = processor.run(
            inputs=[_input(folder, uri) for folder, uri in sources.items()],
            outputs=[_output(folder, self.result(name, folder)) for folder in outputs],
        )
        files = list(reports)
        return ProcessingStep(name, step_args=arguments, property_files=files, cache_config=CACHE)

    def trainer(self, name: str, hyperparameters: Mapping[str, Any]) -> ModelTrainer:
        """A training job that runs steps/train.py, by the image's program `train`."""
        settings = self.settings
        return ModelTrainer(
            training_image=settings.image,
            role=settings.role,
            sagemaker_session=self.session,
            base_job_name=f"{settings.name}-{name.lower()}",
            compute=Compute(instance_type=settings.training_instance, instance_count=1),
            output_data_config=OutputDataConfig(s3_output_path=self.result(name)),
            environment=ENVIRONMENT,
            hyperparameters={"image-size": str(settings.image_size), **hyperparameters},
        )

    def channels(self, prepare: ProcessingStep) -> list[InputData]:
        """The inputs of a training: pictures, and its code."""
        sources = {name: output(prepare, name) for name in ("train", "validation")}
        sources["code"] = code_address(self.settings, "train")
        return [InputData(channel_name=name, data_source=uri) for name, uri in sources.items()]

    def result(self, *parts: str) -> Join:
        """The address of a result: s3://<bucket>/executions/<execution>/<parts>."""
        root = f"s3://{self.settings.bucket}/executions"
        return Join("/", [root, ExecutionVariables.PIPELINE_EXECUTION_ID, *parts])


def output(step: ProcessingStep, name: str) -> Any:
    """The address of a processing step's output, known once the step has run."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def code(job: str) -> dict[str, Path]:
    """The files of a job's code, by name."""
    return {file: ROOT / "steps" / file for file in CODE[job]}


def code_address(settings: Settings, job: str) -> str:
    """Where `upsert` puts the code of a job."""
    return upload.address(settings.bucket, f"code/{job}", code(job))


def _input(folder: str, uri: Any) -> ProcessingInput:
    place = ProcessingS3Input(
        s3_uri=uri,
        local_path=f"{FOLDER}/input/{folder}",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
    )
    return ProcessingInput(input_name=folder, s3_input=place)


def _output(folder: str, uri: Any) -> ProcessingOutput:
    place = ProcessingS3Output(
        s3_uri=uri, local_path=f"{FOLDER}/output/{folder}", s3_upload_mode="EndOfJob"
    )
    return ProcessingOutput(output_name=folder, s3_output=place)
