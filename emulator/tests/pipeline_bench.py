"""Pipelines over stand-in jobs, which need no containers."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from local_context import local_context
from pipeline_steps import ROLE, definition

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import operations
from sagemaker_emulator.aws.ports import Outcome
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.run.execution_thread import LOG_GROUP
from sagemaker_emulator.serve import connect

TOKEN = "0123456789abcdef0123456789abcdef"


class PythonFunctions(dict[str, Callable[[Any], Any]]):
    """Lambda functions that are Python functions, by name."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def invoke(self, name: str, payload: object) -> Outcome:
        function = self.get(name.rsplit(":", 1)[-1])
        if function is None:
            raise ApiError("ResourceNotFoundException", f"Function not found: {name}", 404)
        try:
            return Outcome(function(payload), failed=False)
        except ValueError as error:
            return Outcome({"errorMessage": str(error), "errorType": "ValueError"}, failed=True)

    def invoke_later(self, name: str, payload: object, identity: str = "") -> None:
        self.invoke(name, payload)

    def permits(self, name: str, principal: str, source: str) -> bool:
        return True

    def log_group(self, name: str) -> str:
        return f"/aws/lambda/{name}"


class EventList(list[dict[str, Any]]):
    """A bus that only keeps its events."""

    def emit(
        self,
        detail_type: str,
        detail: Mapping[str, object],
        resources: Sequence[str],
        source: str = "aws.sagemaker",
        when: float | None = None,
        bus: str = "default",
    ) -> str:
        self.append({"type": detail_type, **detail})
        return "id"

    def replay(self, event: dict[str, Any], bus: str, rules: Sequence[str] | None) -> None:
        self.append(event)


class StandInJobs:
    """Create/Describe/Stop for processing and training jobs that only wait.

    The Environment of a job decides how it goes: SECONDS (how long), HOLD (until `released` is
    set), FAIL (its FailureReason), FAIL_TIMES (only so often), REFUSE (the code of an error of
    Create), WRITE (JSON for report.json of its first output).
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self.created: list[dict[str, Any]] = []
        self.running = 0
        self.most_running = 0
        self.released = threading.Event()
        self._failures: dict[str, int] = {}
        self._lock = threading.Lock()

    def handlers(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return self._handlers("ProcessingJob", "processing-job") | self._handlers(
            "TrainingJob", "training-job"
        )

    def _handlers(self, kind: str, prefix: str) -> dict[str, Callable[..., dict[str, Any]]]:
        def create(context: Context, request: Any) -> dict[str, Any]:
            return self._create(context, request, kind, prefix)

        def describe(context: Context, request: Any) -> dict[str, Any]:
            return context.store.get("bench", request[f"{kind}Name"]) or {}

        def stop(context: Context, request: Any) -> dict[str, Any]:
            context.store.update("bench", request[f"{kind}Name"], Stopped=True)
            return {}

        return {f"Create{kind}": create, f"Describe{kind}": describe, f"Stop{kind}": stop}

    def _create(self, context: Context, request: Any, kind: str, prefix: str) -> dict[str, Any]:
        if context is not self._context:  # an execution that the test before left behind
            raise ApiError("InternalFailure", "its bench has been taken down")
        environment = request.get("Environment", {})
        step = re.sub(r"(-\d{3})?-\w+$", "", request[f"{kind}Name"])
        if self._applies(step, environment, "REFUSE"):
            raise ApiError(environment["REFUSE"], "refused by the test")
        name = request[f"{kind}Name"]
        arn = context.arn(prefix, name)
        document = {**request, f"{kind}Arn": arn, f"{kind}Status": "InProgress"}
        document |= {"CreationTime": time.time()}
        if kind == "TrainingJob":
            uri = f"{request['OutputDataConfig']['S3OutputPath']}/{name}/output/model.tar.gz"
            document["ModelArtifacts"] = {"S3ModelArtifacts": uri}
        context.store.put("bench", name, document)
        with self._lock:
            self.created.append(request)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        reason = environment.get("FAIL") if self._applies(step, environment, "FAIL") else None
        threading.Thread(
            target=self._run, args=(context, name, kind, environment, reason), daemon=True
        ).start()
        return {f"{kind}Arn": arn}

    def _applies(self, step: str, environment: dict[str, str], key: str) -> bool:
        if key not in environment:
            return False
        self._failures[step] = self._failures.get(step, 0) + 1
        return self._failures[step] <= int(environment.get("FAIL_TIMES", 99))

    def _run(
        self, context: Context, name: str, kind: str, environment: Any, reason: str | None
    ) -> None:
        until = time.monotonic() + float(environment.get("SECONDS", 0))
        status = "Failed" if reason else "Completed"
        while time.monotonic() < until or ("HOLD" in environment and not self.released.is_set()):
            time.sleep(0.01)
            if (context.store.get("bench", name) or {}).get("Stopped"):
                status = "Stopped"
                break
        if "WRITE" in environment and status == "Completed":
            document = context.store.get("bench", name) or {}
            output = document["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
            file = context.state / "s3" / output.removeprefix("s3://") / "report.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(environment["WRITE"])
        with self._lock:
            self.running -= 1
        changes: dict[str, Any] = {f"{kind}Status": status}
        if reason:
            changes["FailureReason"] = reason
        hyperparameters = (context.store.get("bench", name) or {}).get("HyperParameters", {})
        if "lr" in hyperparameters and "SILENT" not in environment:
            value = -abs(float(hyperparameters["lr"]) - 0.5)
            changes["FinalMetricDataList"] = [
                {"MetricName": "score", "Value": value, "Timestamp": time.time()}
            ]
        context.store.update("bench", name, **changes)


class Bench:
    """A pipeline service over stand-in jobs."""

    def __init__(self, context: Context, jobs: StandInJobs) -> None:
        self.context = context
        self.jobs = jobs
        self.events = EventList()
        self.functions = PythonFunctions()
        self.connect()

    def connect(self) -> None:
        connect(self.context, "relocate")
        self.context.events = self.events
        self.context.functions = self.functions

    @property
    def lines(self) -> list[str]:
        """The log of all executions."""
        return list(self.context.logs.read(LOG_GROUP, ""))

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.context.call(operation, **request)

    def create(self, *steps: dict[str, Any], parameters: Any = (), **more: Any) -> None:
        request = {
            "PipelineName": "p",
            "PipelineDefinition": definition(*steps, parameters=parameters),
            "ClientRequestToken": TOKEN,
            "RoleArn": ROLE,
        }
        self.call("CreatePipeline", **request | more)

    def start(self, parameters: dict[str, str] | None = None, **more: Any) -> str:
        values = [{"Name": key, "Value": value} for key, value in (parameters or {}).items()]
        token = f"{time.time_ns():032d}"
        request = {
            "PipelineName": "p",
            "PipelineParameters": values,
            "ClientRequestToken": token,
        }
        return str(self.call("StartPipelineExecution", **request | more)["PipelineExecutionArn"])

    def stop(self, arn: str) -> None:
        self.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN)

    def run(self, parameters: dict[str, str] | None = None, **more: Any) -> tuple[str, str]:
        arn = self.start(parameters, **more)
        return arn, self.finish(arn)

    def finish(self, arn: str, seconds: float = 20) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.status(arn)
            # The event of the end follows its record; wait for both.
            if status not in ("Executing", "Stopping") and self._has_event(arn, status):
                return status
            self.context.store.wait(0.2)
        raise AssertionError(f"still {status}: {self.steps(arn)}")

    def _has_event(self, arn: str, status: str) -> bool:
        return any(
            event.get("pipelineExecutionArn") == arn
            and event.get("currentPipelineExecutionStatus") == status
            for event in list(self.events)
        )

    def status(self, arn: str) -> str:
        response = self.call("DescribePipelineExecution", PipelineExecutionArn=arn)
        return str(response["PipelineExecutionStatus"])

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        response = self.call(
            "ListPipelineExecutionSteps",
            PipelineExecutionArn=arn,
            SortOrder="Ascending",
            MaxResults=100,
        )
        return {step["StepName"]: step for step in response["PipelineExecutionSteps"]}

    def until(self, arn: str, step: str, status: str) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            record = self.steps(arn).get(step)
            if record and record["StepStatus"] == status:
                return record
            time.sleep(0.01)
        raise AssertionError(f"{step} is not {status}: {self.steps(arn)}")

    def stop_services(self) -> None:
        self.context.executions.stop()
        self.context.tuning.stop()

    def start_services(self) -> None:
        self.connect()
        self.context.tuning.start()
        self.context.executions.start()

    def restart(self) -> None:
        """Stop and start the services, as a restart of the server does."""
        self.stop_services()
        self.start_services()


def open_bench(state: Path, monkeypatch: Any) -> Bench:
    context = local_context(state)
    jobs = StandInJobs(context)
    for name, handler in jobs.handlers().items():
        monkeypatch.setitem(operations, ("sagemaker", name), handler)
    return Bench(context, jobs)
