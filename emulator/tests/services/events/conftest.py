import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from emulator_process import Emulator

ROLE = "arn:aws:iam::123456789012:role/pipelines"
# A condition only: an execution ends as soon as it has begun.
DEFINITION = json.dumps(
    {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Word", "Type": "String", "DefaultValue": "none"}],
        "Steps": [
            {
                "Name": "Check",
                "Type": "Condition",
                "Arguments": {
                    "Conditions": [{"Type": "Equals", "LeftValue": "a", "RightValue": "a"}],
                    "IfSteps": [],
                    "ElseSteps": [],
                },
            }
        ],
    }
)


@pytest.fixture
def sagemaker(emulator: Emulator) -> Any:
    return emulator.client("sagemaker")


@pytest.fixture
def events(emulator: Emulator) -> Any:
    return emulator.client("events")


@pytest.fixture
def pipeline(sagemaker: Any) -> Any:
    name = f"pipeline-{uuid.uuid4().hex[:8]}"
    made = sagemaker.create_pipeline(
        PipelineName=name,
        PipelineDefinition=DEFINITION,
        RoleArn=ROLE,
        ClientRequestToken=uuid.uuid4().hex,
    )
    return made["PipelineArn"]


@pytest.fixture
def rule(events: Any) -> Iterator[Any]:
    """A function that makes a rule for a source of its own, or a pattern; all are removed."""
    made = []

    def make(pattern: Any, *targets: Any) -> Any:
        name = f"rule-{uuid.uuid4().hex[:8]}"
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        made.append(name)
        events.put_targets(Rule=name, Targets=[{"Id": str(n), **t} for n, t in enumerate(targets)])
        return name

    yield make
    for name in made:
        ids = [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]
        if ids:
            events.remove_targets(Rule=name, Ids=ids)
        events.delete_rule(Name=name)
