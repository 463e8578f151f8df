"""Two executions side by side."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sagemaker_emulator.console.execution import Execution, Step, execution_of, parameters_of
from sagemaker_emulator.console.pages import render, url
from sagemaker_emulator.console.step_request import describe, step_request
from sagemaker_emulator.sagemaker.pipelines.run.step_cache import differences


@dataclass(frozen=True)
class StepPair:
    """A step of either execution; `seconds` is how much longer the second took."""

    name: str
    a: Step | None
    b: Step | None
    seconds: float | None


@dataclass(frozen=True)
class Number:
    """A metric of the jobs of a step; None where one has no such metric."""

    step: str
    name: str
    a: float | None
    b: float | None


@dataclass(frozen=True)
class Difference:
    """An argument of a step that differs."""

    path: str
    a: Any
    b: Any


def choose(request: Request) -> Response:
    """The comparison of the executions `a` and `b`, or of the two that a list's form sent."""
    query = request.query_params
    if sent := query.getlist("execution"):
        if len(set(sent)) != 2:
            return render(request, "compare_two.html.j2", 400, chosen=len(set(sent)))
        # A list has the newest first; what came later is compared with what came before.
        return RedirectResponse(url("compare", a=sent[1], b=sent[0]), 303)
    if not (query.get("a") and query.get("b")):
        return render(request, "compare_two.html.j2", 400, chosen=0)
    a = execution_of(request, query["a"])
    b = execution_of(request, query["b"])
    return render(
        request,
        "compare.html.j2",
        a=a,
        b=b,
        parameters=list(_parameters(request, a, b)),
        is_changed=a.definition.document != b.definition.document,
        steps=list(_steps(a, b)),
        numbers=list(_numbers(request, a, b)),
        arguments=dict(_arguments(request, a, b)),
        links={
            each.id: {name: url("executions", each.id, "steps", name) for name in each.steps}
            for each in (a, b)
        },
    )


def took(step: Step | None) -> float | None:
    """How long a step ran in its execution; None if it did not run there, or still runs."""
    if step is None or step.reused_from or "EndTime" not in step.record:
        return None
    return float(step.record["EndTime"] - step.record["StartTime"])


def _parameters(
    request: Request, a: Execution, b: Execution
) -> Iterator[tuple[str, str | None, str | None]]:
    left, right = parameters_of(request, a.arn), parameters_of(request, b.arn)
    for name in left | right:
        yield name, left.get(name), right.get(name)


def _both(a: Execution, b: Execution) -> list[str]:
    return list(dict(a.steps) | dict(b.steps))


def _steps(a: Execution, b: Execution) -> Iterator[StepPair]:
    for name in _both(a, b):
        left, right = a.steps.get(name), b.steps.get(name)
        first, second = took(left), took(right)
        known = first is not None and second is not None
        yield StepPair(name, left, right, (second or 0) - (first or 0) if known else None)


def _numbers(request: Request, a: Execution, b: Execution) -> Iterator[Number]:
    for name in _both(a, b):
        left, right = metrics(request, a.steps.get(name)), metrics(request, b.steps.get(name))
        for metric in left | right:
            yield Number(name, metric, left.get(metric), right.get(metric))


def metrics(request: Request, step: Step | None) -> dict[str, float]:
    """The last values of the metrics of a step's training job, or of a tuning job's best one."""
    if step is None or step.definition.type not in ("Training", "Tuning"):
        return {}
    described = describe(request, step)
    if best := (described.get("BestTrainingJob") or {}).get(
        "FinalHyperParameterTuningJobObjectiveMetric"
    ):
        return {best["MetricName"]: best["Value"]}
    found = described.get("FinalMetricDataList") or []
    return {each["MetricName"]: each["Value"] for each in found}


def _arguments(
    request: Request, a: Execution, b: Execution
) -> Iterator[tuple[str, list[Difference]]]:
    """By step that began in both the arguments that differ, ids and names of jobs apart."""
    for name in _both(a, b):
        left, right = a.steps.get(name), b.steps.get(name)
        if not (left and left.record and right and right.record):
            continue
        one = _without_names(step_request(request, a, left).resolved, _names(a))
        two = _without_names(step_request(request, b, right).resolved, _names(b))
        if found := [Difference(*each) for each in differences(one, two)]:
            yield name, found


def _names(execution: Execution) -> Mapping[str, str]:
    """What names an execution's own things, and what stands in its place."""
    jobs = {
        step.resource.rpartition("/")[2]: f"(job of {name})"
        for name, step in execution.steps.items()
        if step.resource
        and step.definition.type in ("Processing", "Training", "Tuning", "Transform")
    }
    return jobs | {execution.id: "(execution)"}


def _without_names(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        for name, text in names.items():
            node = node.replace(name, text)
        return node
    if isinstance(node, dict):
        return {key: _without_names(item, names) for key, item in node.items()}
    if isinstance(node, list):
        return [_without_names(item, names) for item in node]
    return node


routes = [Route("/compare", choose)]
