"""Stand-ins for the jobs that the engine is a client of, so that its tests need no containers."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagemaker_emulator import modules  # noqa: F401  (registers every operation)
from sagemaker_emulator.aws.dispatch import Context, operations
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines import execution_operations
from sagemaker_emulator.storage.store import Store

ROLE = "arn:aws:iam::123456789012:role/pipeline"
TOKEN = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class BenchContext(Context):
    """A context whose Lambda functions are Python functions and whose events are kept."""

    functions: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def invoke_lambda(self, name: str, payload: Any) -> dict[str, Any]:
        function = self.functions.get(name.rsplit(":", 1)[-1])
        if function is None:
            raise ApiError("ResourceNotFoundException", f"Function not found: {name}", 404)
        try:
            return {"StatusCode": 200, "Payload": function(payload)}
        except ValueError as error:
            failure = {"errorMessage": str(error), "errorType": "ValueError"}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": failure}

    def emit(self, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        self.events.append({"type": detail_type, **detail})

    def log(self, group: str, stream: str, lines: list[str]) -> None:
        self.lines.extend(lines)


def bench_context(state: Path) -> BenchContext:
    return BenchContext(
        state=state,
        images=state,
        runtime="none",
        url="http://127.0.0.1:9",
        s3_url="http://127.0.0.1:9",
        store=Store(state / "emulator.db"),
        s3=None,  # type: ignore[arg-type]
    )


class Jobs:
    """Create/Describe/Stop for processing and training jobs that only wait.

    Environment of a job tells what becomes of it: SECONDS (how long), FAIL (its FailureReason),
    FAIL_TIMES (only so often), REFUSE (the code of an error of Create), WRITE (JSON for report.json
    of its first output).
    """

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.running = 0
        self.most_running = 0
        self._failures: dict[str, int] = {}
        self._lock = threading.Lock()

    def handlers(self) -> dict[str, Callable[..., dict[str, Any]]]:
        made: dict[str, Callable[..., dict[str, Any]]] = {}
        for kind, prefix in (("ProcessingJob", "processing-job"), ("TrainingJob", "training-job")):
            made |= {
                f"Create{kind}": lambda c, r, k=kind, p=prefix: self._create(c, r, k, p),
                f"Describe{kind}": lambda c, r, k=kind: c.store.get("bench", r[f"{k}Name"]),
                f"Stop{kind}": lambda c, r, k=kind: self._stop(c, r, k),
            }
        return made

    def _create(self, context: Context, request: Any, kind: str, prefix: str) -> dict[str, Any]:
        environment = request.get("Environment", {})
        step = re.sub(r"(-\d{3})?-\w+$", "", request[f"{kind}Name"])
        if self._due(step, environment, "REFUSE"):
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
        reason = environment.get("FAIL") if self._due(step, environment, "FAIL") else None
        threading.Thread(
            target=self._run, args=(context, name, kind, environment, reason), daemon=True
        ).start()
        return {f"{kind}Arn": arn}

    def _due(self, step: str, environment: dict[str, str], key: str) -> bool:
        if key not in environment:
            return False
        self._failures[step] = self._failures.get(step, 0) + 1
        return self._failures[step] <= int(environment.get("FAIL_TIMES", 99))

    def _run(
        self, context: Context, name: str, kind: str, environment: Any, reason: str | None
    ) -> None:
        until = time.monotonic() + float(environment.get("SECONDS", 0))
        status = "Failed" if reason else "Completed"
        while time.monotonic() < until:
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
        given = (context.store.get("bench", name) or {}).get("HyperParameters", {})
        if "lr" in given and "SILENT" not in environment:
            value = -abs(float(given["lr"]) - 0.5)
            changes["FinalMetricDataList"] = [
                {"MetricName": "score", "Value": value, "Timestamp": time.time()}
            ]
        context.store.update("bench", name, **changes)

    def _stop(self, context: Context, request: Any, kind: str) -> dict[str, Any]:
        context.store.update("bench", request[f"{kind}Name"], Stopped=True)
        return {}


@dataclass
class Bench:
    """A pipeline service over stand-in jobs."""

    context: BenchContext
    jobs: Jobs

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.context.call(operation, **request)

    def create(self, *steps: dict[str, Any], parameters: Any = (), **more: Any) -> None:
        definition = {"Version": "2020-12-01", "Parameters": list(parameters), "Steps": steps}
        self.call(
            "CreatePipeline",
            PipelineName="p",
            PipelineDefinition=json.dumps(definition),
            ClientRequestToken=TOKEN,
            RoleArn=ROLE,
            **more,
        )

    def start(self, parameters: dict[str, str] | None = None, **more: Any) -> str:
        given = [{"Name": key, "Value": value} for key, value in (parameters or {}).items()]
        token = f"{time.time_ns():032d}"
        answer = self.call(
            "StartPipelineExecution",
            PipelineName="p",
            PipelineParameters=given,
            **{"ClientRequestToken": token, **more},
        )
        return str(answer["PipelineExecutionArn"])

    def run(self, parameters: dict[str, str] | None = None, **more: Any) -> tuple[str, str]:
        arn = self.start(parameters, **more)
        return arn, self.finish(arn)

    def finish(self, arn: str, seconds: float = 20) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.status(arn)
            # The event of the end follows its record, so both are awaited.
            if status not in ("Executing", "Stopping") and self._told(arn, status):
                return status
            self.context.store.wait(0.2)
        raise AssertionError(f"still {status}: {self.steps(arn)}")

    def _told(self, arn: str, status: str) -> bool:
        return any(
            event.get("pipelineExecutionArn") == arn
            and event.get("currentPipelineExecutionStatus") == status
            for event in list(self.context.events)
        )

    def status(self, arn: str) -> str:
        answer = self.call("DescribePipelineExecution", PipelineExecutionArn=arn)
        return str(answer["PipelineExecutionStatus"])

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        answer = self.call(
            "ListPipelineExecutionSteps",
            PipelineExecutionArn=arn,
            SortOrder="Ascending",
            MaxResults=100,
        )
        return {step["StepName"]: step for step in answer["PipelineExecutionSteps"]}

    def until(self, arn: str, step: str, status: str) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = self.steps(arn).get(step)
            if found and found["StepStatus"] == status:
                return found
            time.sleep(0.01)
        raise AssertionError(f"{step} never {status}: {self.steps(arn)}")

    def restart(self) -> None:
        """As the server does when it goes down and comes up again."""
        execution_operations.stop(self.context)
        execution_operations.start(self.context)


def open_bench(state: Path, monkeypatch: Any) -> Bench:
    jobs = Jobs()
    for name, handler in jobs.handlers().items():
        monkeypatch.setitem(operations, ("sagemaker", name), handler)
    return Bench(bench_context(state), jobs)


def processing(name: str, environment: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    arguments = more.pop("arguments", {})
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 1,
                }
            },
            "AppSpecification": {"ImageUri": "image"},
            "RoleArn": ROLE,
            "Environment": environment or {},
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "out",
                        "S3Output": {
                            "S3Uri": {
                                "Std:Join": {
                                    "On": "/",
                                    "Values": [
                                        "s3://bucket",
                                        {"Get": "Execution.PipelineExecutionId"},
                                        name,
                                    ],
                                }
                            },
                            "LocalPath": "/opt/ml/processing/out",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            **arguments,
        },
        "PropertyFiles": [
            {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}
        ],
        **more,
    }


def training(name: str, hyperparameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "HyperParameters": hyperparameters,
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
        **more,
    }


def lambda_step(name: str, function: str, arguments: Any, outputs: Any = (), **more: Any) -> Any:
    return {
        "Name": name,
        "Type": "Lambda",
        "FunctionArn": f"arn:aws:lambda:us-east-1:123456789012:function:{function}",
        "Arguments": arguments,
        "OutputParameters": [{"OutputName": o, "OutputType": "String"} for o in outputs],
        **more,
    }


def condition(name: str, conditions: Any, yes: Any = (), no: Any = (), **more: Any) -> Any:
    return {
        "Name": name,
        "Type": "Condition",
        "Arguments": {"Conditions": conditions, "IfSteps": list(yes), "ElseSteps": list(no)},
        **more,
    }


def fail(name: str, message: Any = "no", **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **more}
