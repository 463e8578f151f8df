"""A pipeline on a real server, through boto3."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_steps import ROLE, Json, definition, processing

if TYPE_CHECKING:
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker.type_defs import PipelineExecutionStepTypeDef

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"


@dataclass
class PipelineClient:
    """Creates one pipeline and follows its executions; `client` may be replaced after a restart."""

    client: SageMakerClient
    name: str

    def create(self, *steps: Json, parameters: tuple[Json, ...] = ()) -> None:
        self.client.create_pipeline(
            PipelineName=self.name,
            PipelineDefinition=definition(*steps, parameters=parameters),
            RoleArn=ROLE,
            ClientRequestToken=uuid.uuid4().hex,
        )

    def start(self, **parameters: str) -> str:
        response = self.client.start_pipeline_execution(
            PipelineName=self.name,
            PipelineParameters=[{"Name": key, "Value": parameters[key]} for key in parameters],
            ClientRequestToken=uuid.uuid4().hex,
        )
        return response["PipelineExecutionArn"]

    def stop(self, arn: str) -> None:
        self.client.stop_pipeline_execution(
            PipelineExecutionArn=arn, ClientRequestToken=uuid.uuid4().hex
        )

    def run(self, **parameters: str) -> tuple[str, str]:
        """Start an execution and wait for its end; its ARN and status."""
        arn = self.start(**parameters)
        return arn, self.finish(arn)

    def finish(self, arn: str, seconds: float = 60) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            described = self.client.describe_pipeline_execution(PipelineExecutionArn=arn)
            if described["PipelineExecutionStatus"] not in ("Executing", "Stopping"):
                return described["PipelineExecutionStatus"]
            time.sleep(0.05)
        raise AssertionError(f"still running after {seconds} s: {self.steps(arn)}")

    def steps(self, arn: str) -> dict[str, PipelineExecutionStepTypeDef]:
        listed = self.client.list_pipeline_execution_steps(
            PipelineExecutionArn=arn, SortOrder="Ascending"
        )
        return {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}

    def until_running(self, arn: str, name: str, seconds: float = 60) -> None:
        """Wait until a step is Executing."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            step = self.steps(arn).get(name, {})
            if step.get("StepStatus") == "Executing":
                return
            assert step.get("StepStatus") not in ("Failed", "Stopped", "Succeeded"), step
            time.sleep(0.02)
        raise AssertionError(f"{name} is not running after {seconds} s: {self.steps(arn)}")


def python(name: str, code: str, **more: Any) -> Json:
    """A processing step that runs a Python program."""
    application = {"ImageUri": IMAGE, "ContainerEntrypoint": ["python", "-c", code]}
    return processing(name, arguments={"AppSpecification": application}, **more)
