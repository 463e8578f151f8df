"""A page of every operation with what it does with each member, generated from the code.

`make operations-page` writes it.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from botocore.model import ListShape, Shape, StructureShape

from sagemaker_emulator import serve
from sagemaker_emulator.aws.dispatch import honoured, kept, operations, service_model
from sagemaker_emulator.aws.members import is_honoured
from sagemaker_emulator.sagemaker.pipelines.language.step_types import RESOURCE_STEPS

_NAMES = {
    "sagemaker": "SageMaker",
    "sagemaker-runtime": "SageMaker Runtime",
    "events": "EventBridge",
    "logs": "CloudWatch Logs",
    "cloudwatch": "CloudWatch",
    "cloudformation": "CloudFormation",
    "lambda": "Lambda",
    "scheduler": "EventBridge Scheduler",
    "application-autoscaling": "Application Auto Scaling",
    "sqs": "SQS",
}
# They are no single resource of SageMaker's.
_OTHER_STEPS = {
    "Callback": "a message to a queue; SendPipelineExecutionStepSuccess and …Failure end it",
    "Condition": "conditions on parameters, properties and JsonGet, and two lists of steps",
    "Fail": "ends the execution with a message",
    "Lambda": "invokes a function; its outputs are the step's properties",
}
_HEAD = """\
# Operations of the emulator

What it does with each member of each request, generated from its code by `make operations-page`.
An operation that is not listed is refused with `UnknownOperationException`; requests to services
that are not listed are answered by [moto](../emulator/README.md#what-moto-has), and S3 is
[a server of its own](../emulator/README.md#s3).
A member is named with all that is below it, in the words of botocore's service model.

| column | the member |
|---|---|
| honours | is acted upon, or kept and returned where that is all that it is for |
| keeps | is shown by Describe and has no effect on one machine |
| refuses | is refused by name when it is set |

What operations do otherwise than on AWS is \
[a list of its own](../emulator/README.md#where-it-differs-from-aws).
"""


def text() -> str:
    """The page."""
    assert serve.OPERATIONS  # their import registers the operations
    services = sorted({service for service, _ in operations}, key=lambda s: (s != "sagemaker", s))
    return "\n".join([_HEAD, *(_section(service) for service in services), _steps()])


def _section(service: str) -> str:
    names = sorted(name for owner, name in operations if owner == service)
    total = len(service_model(service).operation_names)
    lines = [f"## {_NAMES.get(service, service)}", "", f"{len(names)} of {total} operations.", ""]
    lines += ["| operation | honours | keeps | refuses |", "|---|---|---|---|"]
    for name in names:
        shape = service_model(service).operation_model(name).input_shape
        key = service, name
        honours = honoured.get(key)
        if honours is None:
            lines.append(f"| {name} | all, or refuses by itself | | |")
            continue
        columns = {"honours": honours, "keeps": kept[key]}
        found: dict[str, list[str]] = {"honours": [], "keeps": [], "refuses": []}
        for path, column in _members(shape, "", columns, ()):
            found[column].append(path)
        lines.append(f"| {name} | {' | '.join(', '.join(each) for each in found.values())} |")
    return "\n".join([*lines, ""])


def _members(
    shape: Shape | None, path: str, columns: Mapping[str, Iterable[str]], outer: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """The highest members of a shape of which all is in one column, with that column."""
    while isinstance(shape, ListShape):
        shape = shape.member
    if not isinstance(shape, StructureShape) or shape.name in outer:
        return
    for name, member in shape.members.items():
        here = f"{path}.{name}" if path else name
        below = list(_members(member, here, columns, (*outer, shape.name)))
        among = {column for _, column in below}
        own = _column(here, columns)
        if len(among) < 2 and (own == "refuses" or not below or among == {own}):
            yield here, own
        else:
            yield from below


def _column(path: str, columns: Mapping[str, Iterable[str]]) -> str:
    for column, members in columns.items():
        if is_honoured(path, tuple(members)):
            return column
    return "refuses"


def _steps() -> str:
    lines = ["## Step types of pipelines", "", "| type | does |", "|---|---|"]
    does = {step.type: f"Create{step.noun}" for step in RESOURCE_STEPS.values()} | _OTHER_STEPS
    lines += [f"| {name} | {what} |" for name, what in sorted(does.items())]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text())
