"""The request that a step made: its expressions as written, and their values.

Everything comes from operations that any client has: what a job was created with from its Describe
operation, the rest by evaluating the expressions with the values that operations return.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.console import s3_client
from sagemaker_emulator.console.execution import Execution, Step, parameters_of
from sagemaker_emulator.console.pages import call
from sagemaker_emulator.console.written import written
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.language.definition import StepDefinition
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import (
    DefinitionError,
    StepError,
)
from sagemaker_emulator.sagemaker.pipelines.language.expressions import (
    Scope,
    evaluate,
    is_expression,
)
from sagemaker_emulator.sagemaker.pipelines.language.step_types import RESOURCE_STEPS
from sagemaker_emulator.sagemaker.pipelines.run.finished_steps import PropertyFiles
from sagemaker_emulator.sagemaker.pipelines.run.records import format_time
from sagemaker_emulator.sagemaker.tuning.definitions import definitions_of

_MOST_JSON = 4 << 20  # bytes of a property file
_MISSING = object()


@dataclass(frozen=True)
class Expression:
    """An expression of a step's arguments.

    Attributes:
        path: where it is in the arguments.
        written: what the definition has, in the form of `written`.
        value: what it came to; empty if that is not known.
        problem: why the value is not known.
    """

    path: str
    written: str
    value: str
    problem: str


@dataclass(frozen=True)
class StepRequest:
    """What a step asked for.

    Attributes:
        written: the arguments as the definition has them.
        resolved: the same with values; an expression without a known value stays.
        expressions: the outermost expressions, in the order of the arguments.
    """

    written: dict[str, Any]
    resolved: dict[str, Any]
    expressions: tuple[Expression, ...]


def step_request(request: Request, execution: Execution, step: Step) -> StepRequest:
    """Read the request of a step; `step` is one of the execution's."""
    arguments = written_arguments(step.definition)
    scope = scope_of(request, execution, step)
    described: Mapping[str, Any] = describe(request, step)
    found: list[Expression] = []
    resolved = _resolve(arguments, described, scope, "", found)
    return StepRequest(arguments, resolved, tuple(found))


def written_arguments(step: StepDefinition) -> dict[str, Any]:
    """What a step evaluates, without the steps of its branches."""
    if step.type == "Lambda":
        return {"FunctionArn": step.entry.get("FunctionArn"), "Arguments": step.arguments}
    if step.type == "Callback":
        return {"SqsQueueUrl": step.entry.get("SqsQueueUrl"), "Arguments": step.arguments}
    return {name: value for name, value in step.evaluated.items() if name}


def describe(request: Request, step: Step) -> dict[str, Any]:
    """The response of the Describe operation of a step's resource; empty if it has none."""
    type_ = RESOURCE_STEPS.get(step.definition.type)
    if type_ is None or not step.resource:
        return {}
    name = step.resource if type_.type == "RegisterModel" else step.resource.rpartition("/")[2]
    try:
        return dict(call(request, f"Describe{type_.noun}", **{f"{type_.noun}Name": name}))
    except ApiError:  # deleted since
        return {}


def scope_of(request: Request, execution: Execution, step: Step) -> Scope:
    """The values that expressions of a step refer to."""
    declared = execution.definition.parameters
    parameters: dict[str, Any] = {}
    for name, text in parameters_of(request, execution.arn).items():
        try:
            parameters[name] = declared[name].convert(text)
        except DefinitionError:  # an enum that has changed does not matter here
            parameters[name] = text
    job = step.resource.rpartition("/")[2]
    properties = _Properties(request, execution)
    return Scope(
        parameters=parameters,
        execution={
            "PipelineName": execution.pipeline,
            "PipelineArn": execution.described["PipelineArn"],
            "PipelineExecutionId": execution.id,
            "PipelineExecutionArn": execution.arn,
            "StartDateTime": format_time(execution.described["CreationTime"]),
            "CurrentDateTime": format_time(
                step.record.get("StartTime", execution.described["CreationTime"])
            ),
            "TrainingJobName": job,
            "ProcessingJobName": job,
        },
        properties=properties,
        property_files=PropertyFiles(execution.definition, properties),
        read_json=lambda uri: _read_json(request, uri),
    )


class _Properties(Mapping[str, Mapping[str, Any]]):
    """The properties of the steps that succeeded, each read when an expression refers to it."""

    def __init__(self, request: Request, execution: Execution) -> None:
        self._request, self._execution = request, execution
        self._known: dict[str, Mapping[str, Any]] = {}

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        if name not in self:
            raise KeyError(name)
        if name not in self._known:
            self._known[name] = self._read(self._execution.steps[name])
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        step = self._execution.steps.get(str(name))
        return step is not None and step.status == "Succeeded"

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._execution.steps if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _read(self, step: Step) -> Mapping[str, Any]:
        if step.definition.type == "Condition":
            return {"Outcome": step.outcome == "True"}
        type_ = RESOURCE_STEPS.get(step.definition.type)
        if type_ is None:
            outputs = {each["Name"]: each["Value"] for each in step.returned}
            return {"OutputParameters": outputs}
        described = describe(self._request, step)
        if described and type_.trials:
            described |= call(
                self._request,
                type_.trials,
                HyperParameterTuningJobName=described["HyperParameterTuningJobName"],
                SortBy="FinalObjectiveMetricValue",
                SortOrder="Descending" if definitions_of(described)[0].maximize else "Ascending",
                MaxResults=50,
            )
        return described


def _read_json(request: Request, uri: str) -> Any:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        found = s3_client.call(
            request, "get_object", Bucket=bucket, Key=key, Range=f"bytes=0-{_MOST_JSON}"
        )
        return json_text.loads(found["Body"].read())
    except (ApiError, ValueError) as problem:
        raise StepError(f"{uri} cannot be read: {problem}") from None


def _resolve(node: Any, described: Any, scope: Scope, path: str, found: list[Expression]) -> Any:
    """A tree with its expressions replaced; what the resource was created with comes first."""
    if is_expression(node):
        value, problem = described, ""
        if value is _MISSING or isinstance(value, Mapping):
            try:
                value = evaluate(node, scope)
            except (StepError, LookupError) as error:
                value, problem = node, str(error)
        found.append(Expression(path, written(node), "" if problem else _text(value), problem))
        return value
    if isinstance(node, dict):
        inner = described if isinstance(described, Mapping) else {}
        return {
            key: _resolve(
                item, inner.get(key, _MISSING), scope, f"{path}.{key}" if path else key, found
            )
            for key, item in node.items()
        }
    if isinstance(node, list):
        same = isinstance(described, list) and len(described) == len(node)
        return [
            _resolve(item, described[i] if same else _MISSING, scope, f"{path}[{i}]", found)
            for i, item in enumerate(node)
        ]
    return node


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
