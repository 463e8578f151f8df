"""The SageMaker resource of a step: named, created, waited for and stopped."""

import random
import string
from typing import Any

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.experiments import job_components
from sagemaker_emulator.sagemaker.pipelines.language.arguments import fit
from sagemaker_emulator.sagemaker.pipelines.language.retries import (
    JOB_INTERNAL_ERROR,
    classify_error,
    classify_failure,
)
from sagemaker_emulator.sagemaker.pipelines.language.step_types import RESOURCE_STEPS, resource_name
from sagemaker_emulator.sagemaker.pipelines.run.execution_values import tracked
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun, StoppedError
from sagemaker_emulator.sagemaker.tuning.definitions import definitions_of

_ALPHABET = string.ascii_letters + string.digits
# The rank limit that the SDK's TuningStep.get_top_model_s3_uri names.
_RANKED_TRIALS = 50


class AttemptError(Exception):
    """A failed attempt: its reason, and the exception type that a retry policy may name."""

    def __init__(self, reason: str, exception: str | None) -> None:
        super().__init__(reason)
        self.exception = exception


class StepResource:
    """Makes and watches the resources of a step of one of RESOURCE_STEPS."""

    def __init__(self, run: StepRun) -> None:
        self._run = run
        self._context = run.context
        self._type = RESOURCE_STEPS[run.step.type]
        self._create_operation = f"Create{self._type.noun}"
        self._name_member = f"{self._type.noun}Name"
        self._status_member = f"{self._type.noun}Status"

    def new_name(self) -> str:
        """Make a name for the next attempt; where SageMaker makes none, the one in Arguments."""
        run = self._run
        expression = run.step.arguments.get(self._name_member)
        name = None if expression is None else str(run.evaluate(expression))
        if not self._type.named_by_service:
            return name or ""
        # Names need not be secret, only different from each other.
        suffix = "".join(random.choices(_ALPHABET, k=10))
        return resource_name(self._type, run.execution_id, run.step.name, suffix, name)

    def arguments(self, name: str) -> dict[str, Any]:
        """Return the request of Create without the name, expressions evaluated.

        Raises:
            StepError: if an expression has no value, or a value does not fit its field.
        """
        arguments = self._run.evaluate(self._run.step.arguments, job_name=name)
        # The execution's own is added when the resource is created.
        for key in (self._name_member, "ExperimentConfig"):
            arguments.pop(key, None)
        return dict(fit(arguments, self._type.request))

    def create(self, name: str, arguments: dict[str, Any]) -> str:
        """Create the resource and record it.

        Returns:
            The name, or the ARN of a model package, by which it is described.

        Raises:
            AttemptError: if SageMaker refuses the request.
        """
        try:
            arn = self._create(name, arguments)
        except ApiError as error:
            raise AttemptError(
                f"ClientError: Failed to invoke sagemaker:{self._create_operation}. "
                f"Error Details: {error}",
                classify_error(error.code, error.status),
            ) from error
        resource = arn if self._type.type == "RegisterModel" else name
        self._run.progress.update(
            StepStatus="Executing", Resource=resource, Metadata={self._type.metadata: {"Arn": arn}}
        )
        return resource

    def wait(self, resource: str) -> dict[str, Any]:
        """Wait until the resource is done; its description becomes the step's properties.

        Raises:
            AttemptError: if it fails.
            StoppedError: if the execution is stopped, once the resource is stopped, too; or the
                emulator shuts down, in which case the resource stays as it is.
        """
        run, type_ = self._run, self._type
        described: dict[str, Any] = {}

        def is_done() -> bool:
            described.clear()
            described.update(self._call(f"Describe{type_.noun}", **{self._name_member: resource}))
            ended = (*type_.succeeded, *type_.failed)
            return not type_.has_status or described[self._status_member] in ended

        try:
            run.wait(is_done, resource)
        except StoppedError:
            if type_.can_stop and not run.closing.is_set():
                run.progress.update(StepStatus="Stopping")
                self._stop(resource)
                while not is_done() and not run.closing.is_set():
                    self._context.store.wait(1.0)
            raise
        if type_.has_status and described[self._status_member] not in type_.succeeded:
            raise self._failure(described)
        if type_.type == "Endpoint":
            self._check_rollback(described)
        if type_.trials:
            described |= self._ranked_trials(type_.trials, resource, described)
        return described

    def _create(self, name: str, arguments: dict[str, Any]) -> str:
        operation, request = self._create_operation, {self._name_member: name, **arguments}
        if "ExperimentConfig" in self._type.request.members:
            experiment = self._run.execution.get("PipelineExperimentConfig")
            request |= job_components.ensure_trial(self._context, experiment)
        config = self._run.execution.get("MLflowConfig")
        request = tracked(self._context, self._type.type, request, config)
        group = arguments.get("ModelPackageGroupName")
        if self._type.type == "RegisterModel" and group:
            if self._name_member not in self._run.step.arguments:
                request = arguments  # the version's name is the group's and a number
            self._create_missing_group(group)
        elif self._type.type == "Endpoint" and self._exists("DescribeEndpoint", EndpointName=name):
            operation = "UpdateEndpoint"
            request.pop("Tags", None)
        return str(self._call(operation, **request)[f"{self._type.noun}Arn"])

    def _create_missing_group(self, group: str) -> None:
        request = {"ModelPackageGroupName": group}
        if not self._exists("DescribeModelPackageGroup", **request):
            self._call("CreateModelPackageGroup", **request)

    def _exists(self, describe: str, **request: Any) -> bool:
        try:
            self._call(describe, **request)
        except ApiError as error:
            if error.status < 500:
                return False
            raise
        return True

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call an operation in the name of the pipeline's role."""
        self._context.calls.add("pipeline", "sagemaker", operation)
        return self._context.call(operation, **request)

    def _stop(self, resource: str) -> None:
        operation = f"Stop{self._type.noun}"
        try:
            self._call(operation, **{self._name_member: resource})
        except ApiError as error:
            # It has ended by itself in the meantime.
            self._run.log(f"{self._run.step.name}: {operation}: {error}")

    def _ranked_trials(
        self, operation: str, tuning: str, described: dict[str, Any]
    ) -> dict[str, Any]:
        """List the trials that a definition can refer to by rank: `TrainingJobSummaries[0]`."""
        return self._call(
            operation,
            HyperParameterTuningJobName=tuning,
            SortBy="FinalObjectiveMetricValue",
            SortOrder="Descending" if definitions_of(described)[0].maximize else "Ascending",
            MaxResults=_RANKED_TRIALS,
        )

    def _check_rollback(self, described: dict[str, Any]) -> None:
        """Fail if the endpoint, after a failed update, serves its former configuration again."""
        requested = str(self._run.evaluate(self._run.step.arguments["EndpointConfigName"]))
        if described["EndpointConfigName"] != requested:
            raise AttemptError(
                f"ClientError: the endpoint's update to {requested} failed, and "
                f"{described['EndpointConfigName']} serves again: "
                f"{described.get('FailureReason', '')}",
                None,
            )

    def _failure(self, described: dict[str, Any]) -> AttemptError:
        status, label = described[self._status_member], self._type.metadata
        reason = described.get("FailureReason") or described.get("ExitMessage")
        if not reason and status == "Stopped":
            reason = f"the {label} was stopped from outside the pipeline"
        reason = str(reason or f"the {label} ended {status} without a reason")
        exception = classify_failure(reason)
        if exception is None:
            # SageMaker puts its verdict before the job's own: `ClientError: AlgorithmError: ...`.
            reason = f"ClientError: {reason}"
        if self._type.type == "Tuning" and exception == JOB_INTERNAL_ERROR:
            exception = None
        return AttemptError(reason, exception)
