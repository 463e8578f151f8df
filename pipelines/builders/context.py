"""What every builder needs: settings, parameters, code, and the options that all steps share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from sagemaker.core.config.config_manager import SageMakerConfig
from sagemaker.core.network import NetworkConfig
from sagemaker.core.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.core.shapes import ProcessingS3Input, ProcessingS3Output
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.parameters import (
    Parameter,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
)
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig

from model_registry.security import Security
from pipelines import NAME, parameters
from pipelines.settings.model import Settings
from pipelines.upload.code import Bundle

PROCESSING = "/opt/ml/processing"
# This configuration turns off the SDK's telemetry, and keeps a person's own SDK defaults from
# changing the definition.
SDK_CONFIGURATION = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}
# The SDK validates its whole configuration whenever it reads one value: 45 times in a compilation,
# six tenths of its time. The configuration is the constant above, so validation is turned off.
SageMakerConfig.validate_sagemaker_config = staticmethod(lambda configuration=None: None)
PARAMETER_TYPES = {"String": ParameterString, "Integer": ParameterInteger, "Float": ParameterFloat}


class OfflineSession(PipelineSession):
    """A session that captures requests and sends none; its credentials are not real."""

    def __init__(self, settings: Settings) -> None:
        """Args:
        settings: Resolved settings.
        """
        offline = boto3.Session(
            region_name=settings.region,
            aws_access_key_id="offline",
            aws_secret_access_key="offline",
        )
        super().__init__(boto_session=offline, sagemaker_config=SDK_CONFIGURATION)
        self._bucket = settings.bucket_name

    def default_bucket(self) -> str:
        """The bucket, without the SDK's own check in S3 that it exists."""
        return self._bucket


@dataclass(frozen=True)
class BuildContext:
    """What a definition is built from.

    Attributes:
        settings: Resolved settings.
        code: The bundle of each step.
        declared: The parameters of the pipeline; None for those of the one that trains.
    """

    settings: Settings
    code: Mapping[str, Bundle]
    declared: Sequence[parameters.Parameter] | None = None

    @cached_property
    def session(self) -> OfflineSession:
        """The session of every step."""
        return OfflineSession(self.settings)

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The SDK's object for every declared parameter, by name."""
        return {
            declared.name: PARAMETER_TYPES[declared.type](
                name=declared.name, default_value=declared.default
            )
            for declared in self.declared or parameters.declared(self.settings)
        }

    @property
    def cache(self) -> CacheConfig:
        """For `running.cache_days`, a step whose arguments are unchanged is not run again."""
        days = self.settings.running.cache_days
        if not days:
            return CacheConfig(enable_caching=False)
        return CacheConfig(enable_caching=True, expire_after=f"P{days}D")

    @property
    def request_retries(self) -> list[StepRetryPolicy]:
        """Repeat a request that SageMaker throttles or fails to process."""
        return [
            StepRetryPolicy(
                exception_types=[
                    StepExceptionTypeEnum.SERVICE_FAULT,
                    StepExceptionTypeEnum.THROTTLING,
                ],
                interval_seconds=5,
                backoff_rate=2.0,
                max_attempts=5,
            )
        ]

    @property
    def job_retries(self) -> list[StepRetryPolicy | SageMakerJobStepRetryPolicy]:
        """Repeat a job when SageMaker failed, never when our script did."""
        return [
            *self.request_retries,
            SageMakerJobStepRetryPolicy(
                exception_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR],
                interval_seconds=30,
                backoff_rate=2.0,
                max_attempts=2,
            ),
            # No instance is free, or the account's limit is reached: wait.
            SageMakerJobStepRetryPolicy(
                exception_types=[
                    SageMakerJobExceptionTypeEnum.CAPACITY_ERROR,
                    SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT,
                ],
                interval_seconds=60,
                backoff_rate=1.5,
                expire_after_mins=120,
            ),
        ]

    @property
    def max_seconds(self) -> int:
        """Time limit of one job, in seconds."""
        return round(self.settings.training.max_hours * 3600)

    def processor(
        self, name: str, script: str, image: str | None, instance: str, *, isolated: bool = False
    ) -> Processor:
        """A processing job that runs one of the scripts in `steps/`.

        Args:
            name: The step's name.
            script: The script's path in its bundle.
            image: The container image.
            instance: The name of the parameter for the instance type.
            isolated: Whether the script needs no network, so that the settings may deny it.
        """
        security = self.settings.security
        network = None
        if security.subnets or (isolated and security.isolated):
            network = NetworkConfig(
                enable_network_isolation=(isolated and security.isolated) or None,
                subnets=list(security.subnets) or None,
                security_group_ids=list(security.security_groups) or None,
            )
        return Processor(
            role=self.settings.role_arn,
            image_uri=image,
            entrypoint=["python3", f"{PROCESSING}/input/code/{script}"],
            instance_count=1,
            instance_type=self.parameters[instance],
            volume_size_in_gb=self.settings.instances.volume_gb,
            volume_kms_key=self.volume_key(instance),
            output_kms_key=security.kms_key or None,
            network_config=network,
            max_runtime_in_seconds=self.max_seconds,
            base_job_name=f"{self.settings.name}-{name.lower()}",
            sagemaker_session=self.session,
            tags=self.settings.tag_list,
        )

    def volume_key(self, instance: str) -> str | None:
        """The KMS key of a job's disk; None where the settings name none, or AWS takes none.

        Args:
            instance: The name of the parameter for the instance type, whose default decides.
        """
        key = Security(kms_key=self.settings.security.kms_key)
        return key.volume_key([str(self.parameters[instance].default_value)]) or None

    def code_input(self, bundle: str) -> ProcessingInput:
        """The input with a bundle's files."""
        return processing_input("code", self.code[bundle].prefix(self.settings))

    def processing_output(
        self, step: str, name: str, address: str | None = None
    ) -> ProcessingOutput:
        """The output `name`, at an address with the execution, the step and the output.

        Args:
            step: The step's name.
            name: The output's.
            address: Another address.
        """
        return ProcessingOutput(
            output_name=name,
            s3_output=ProcessingS3Output(
                s3_uri=address or self.output_address(step, name),
                local_path=f"{PROCESSING}/output/{name}",
                s3_upload_mode="EndOfJob",
            ),
        )

    def output_address(self, *parts: str) -> Join:
        """`s3://<bucket>/tally/executions/<execution id>/<parts>`."""
        root = f"s3://{self.settings.bucket_name}/{NAME}/executions"
        return Join(on="/", values=[root, ExecutionVariables.PIPELINE_EXECUTION_ID, *parts])


def processing_input(name: str, uri: Any) -> ProcessingInput:
    """The input `name`, a whole S3 prefix, at /opt/ml/processing/input/<name>."""
    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=uri,
            local_path=f"{PROCESSING}/input/{name}",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
        ),
    )


def output_of(step: Any, name: str) -> Any:
    """The address of a processing step's output, known once the step has run."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri
