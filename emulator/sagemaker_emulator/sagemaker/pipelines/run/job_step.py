"""Steps that are one SageMaker resource: created, waited for, stopped, and retried by policy."""

from __future__ import annotations

import random
import string
import time
from typing import Any

from sagemaker_emulator.aws.dispatch import service_model
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.language.coercion import fit
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.retries import (
    JOB_INTERNAL_ERROR,
    classify_error,
    classify_failure,
    delay,
)
from sagemaker_emulator.sagemaker.pipelines.language.step_types import JOBS, JobType, resource_name
from sagemaker_emulator.sagemaker.pipelines.run.reuse import remember, reused
from sagemaker_emulator.sagemaker.pipelines.run.step_run import StepRun, StoppedError

_ALPHABET = string.ascii_letters + string.digits
_SUFFIX = 10
_RANKED = 50  # trials of a tuning step; the SDK's TuningStep.get_top_model_s3_uri names the limit
# How the emulator ends a job that was running when it went down.
_INTERRUPTED = "InternalServerError"


class _AttemptError(Exception):
    """A failed attempt: its reason, and the exception type that a retry policy may name."""

    def __init__(self, reason: str, exception: str | None) -> None:
        super().__init__(reason)
        self.exception = exception


class JobStep:
    """Runs a step of one of the types in JOBS to its end."""

    def __init__(self, run: StepRun) -> None:
        self._run = run
        self._job: JobType = JOBS[run.step.type]

    def __call__(self) -> None:
        """Run the step; its record tells the outcome."""
        run = self._run
        if run.resumed and self._taken_over():
            return
        retries = 0
        while True:
            name = self._name()
            arguments = self._arguments(name)
            if retries == 0 and reused(run, arguments):
                return
            try:
                properties = self._attempt(name, arguments, retries + 1)
            except _AttemptError as error:
                wait = delay(run.step.retries, error.exception, retries, time.time() - run.began)
                if wait is None:
                    raise StepError(str(error)) from error
                retries += 1
                run.log(f"{run.step.name}: {error}; attempt {retries + 1} in {wait:g} s")
                run.sleep(wait)
                continue
            run.record.finish("Succeeded", Properties=properties)
            remember(run, arguments)
            return

    def _taken_over(self) -> bool:
        """Go on with the job that an earlier process had created; False if it must run anew."""
        run = self._run
        resource = run.record.get().get("Resource")
        if not resource or self._job.status is None:
            return False
        try:
            properties = self._await(resource)
        except (_AttemptError, ApiError) as error:
            if isinstance(error, _AttemptError) and not str(error).startswith(_INTERRUPTED):
                raise StepError(str(error)) from error
            run.log(f"{run.step.name}: was interrupted ({error}); it runs again")
            return False
        run.record.finish("Succeeded", Properties=properties)
        remember(run, self._arguments(resource))
        return True

    def _name(self) -> str:
        run, job = self._run, self._job
        given = run.step.arguments.get(job.name)
        value = None if given is None else str(run.evaluate(given))
        if not job.named_by_service:
            return value or ""
        # Names need not be secret, only unlike each other.
        suffix = "".join(random.choices(_ALPHABET, k=_SUFFIX))
        return resource_name(job, run.execution_id, run.step.name, suffix, value)

    def _arguments(self, name: str) -> dict[str, Any]:
        run, job = self._run, self._job
        arguments = run.evaluate(run.step.arguments, job_name=name)
        arguments.pop(job.name, None)
        # Experiments are not part of this emulator; what names them changes nothing else.
        arguments.pop("ExperimentConfig", None)
        shape = service_model("sagemaker").operation_model(job.create).input_shape
        assert shape is not None
        return dict(fit(arguments, shape))

    def _attempt(self, name: str, arguments: dict[str, Any], attempt: int) -> dict[str, Any]:
        run, job = self._run, self._job
        run.record.update(AttemptCount=attempt)
        try:
            arn = self._create(name, arguments)
        except ApiError as error:
            raise _AttemptError(
                f"ClientError: Failed to invoke sagemaker:{job.create}. Error Details: {error}",
                classify_error(error.code, error.status),
            ) from error
        resource = arn if job.type == "RegisterModel" else name
        run.record.update(
            StepStatus="Executing", Resource=resource, Metadata={job.metadata: {"Arn": arn}}
        )
        return self._await(resource)

    def _create(self, name: str, arguments: dict[str, Any]) -> str:
        context, job = self._run.context, self._job
        if job.type == "RegisterModel":
            self._ensure_group(arguments)
            return str(context.call(job.create, **arguments)[job.arn])
        request = {job.name: name, **arguments}
        operation = job.create
        if job.type == "Endpoint" and self._exists(name):
            operation = "UpdateEndpoint"
            request.pop("Tags", None)
        return str(context.call(operation, **request)[job.arn])

    def _exists(self, endpoint: str) -> bool:
        try:
            self._run.context.call("DescribeEndpoint", EndpointName=endpoint)
        except ApiError as error:
            if error.status < 500:
                return False
            raise
        return True

    def _ensure_group(self, arguments: dict[str, Any]) -> None:
        """A RegisterModel step makes its model package group if there is none yet."""
        group = arguments.get("ModelPackageGroupName")
        if not group:
            return
        context = self._run.context
        try:
            context.call("DescribeModelPackageGroup", ModelPackageGroupName=group)
        except ApiError as error:
            if error.status >= 500:
                raise
            context.call("CreateModelPackageGroup", ModelPackageGroupName=group)

    def _describe(self, resource: str) -> dict[str, Any]:
        context, job = self._run.context, self._job
        return context.call(job.describe, **{job.name: resource})

    def _await(self, resource: str) -> dict[str, Any]:
        """Wait for the resource to be done; its description is the step's properties."""
        run, job = self._run, self._job
        described: dict[str, Any] = {}

        def ended() -> bool:
            described.clear()
            described.update(self._describe(resource))
            if job.status is None:
                return True
            return described[job.status] in (*job.succeeded, *job.failed)

        try:
            run.wait(ended)
        except StoppedError:
            if run.closing.is_set() or job.stop is None:
                raise
            run.record.update(StepStatus="Stopping")
            self._stop(resource)
            while not ended() and not run.closing.is_set():
                run.context.store.wait(1.0)
            raise
        if job.status and described[job.status] not in job.succeeded:
            raise self._failure(described)
        if job.type == "Endpoint":
            self._check_rollback(described)
        if job.trials:
            described |= self._best(job.trials, resource, described)
        return described

    def _best(self, listing: str, tuning: str, described: dict[str, Any]) -> dict[str, Any]:
        """The trials that a definition can refer to by rank: `TrainingJobSummaries[0]`, ..."""
        objective = described["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
        return self._run.context.call(
            listing,
            HyperParameterTuningJobName=tuning,
            SortBy="FinalObjectiveMetricValue",
            SortOrder="Descending" if objective["Type"] == "Maximize" else "Ascending",
            MaxResults=_RANKED,
        )

    def _check_rollback(self, described: dict[str, Any]) -> None:
        """An endpoint whose update fails is in service again, with its former configuration."""
        wanted = str(self._run.evaluate(self._run.step.arguments["EndpointConfigName"]))
        if described["EndpointConfigName"] != wanted:
            reason = described.get("FailureReason", "")
            raise _AttemptError(
                f"ClientError: the endpoint's update to {wanted} failed, and "
                f"{described['EndpointConfigName']} serves again: {reason}",
                None,
            )

    def _stop(self, resource: str) -> None:
        run, job = self._run, self._job
        assert job.stop is not None
        try:
            run.context.call(job.stop, **{job.name: resource})
        except ApiError as error:
            # It ended by itself in the meantime.
            run.log(f"{run.step.name}: {job.stop}: {error}")

    def _failure(self, described: dict[str, Any]) -> _AttemptError:
        run, job = self._run, self._job
        assert job.status is not None
        status = described[job.status]
        reason = described.get("FailureReason") or described.get("ExitMessage")
        if status == "Stopped":
            reason = reason or f"the {job.metadata} was stopped from outside the pipeline"
        reason = str(reason or f"the {job.metadata} ended {status} without a reason")
        exception = classify_failure(reason)
        if exception is None:
            # The service puts its verdict before the job's own: `ClientError: AlgorithmError: ...`.
            reason = f"ClientError: {reason}"
        if run.step.type == "Tuning" and exception == JOB_INTERNAL_ERROR:
            exception = None
        return _AttemptError(reason, exception)
