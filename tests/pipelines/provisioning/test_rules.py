"""Which endpoints wake a stage's promotion function: its own, and no other stage's."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

import sagemaker_emulator
from pipelines.provisioning.template import properties
from pipelines.root import ROOT
from pipelines.settings.model import Settings

ENDPOINTS = {
    "tally": "prod",
    "tally-north": "prod",
    "tally-devices": "prod",
    "tally-dev": "dev",
    "tally-dev-north": "dev",
    "tally-staging": "staging",
    "tally-staging-2": "staging",
    "tallyho": None,
    "other": None,
}


def _event(rule: dict[str, Any], endpoint: str) -> str:
    """An event as SageMaker sends it, with the first of each other value that the rule names."""
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{endpoint}"
    pattern = rule["EventPattern"]
    return json.dumps(
        {
            "id": "1",
            "account": "123456789012",
            "region": "us-east-1",
            "time": "2026-11-30T12:00:00Z",
            "source": pattern["source"][0],
            "detail-type": pattern["detail-type"][0],
            "resources": [arn],
            "detail": {
                "EndpointName": endpoint,
                "EndpointArn": arn,
                "EndpointStatus": pattern["detail"]["EndpointStatus"][0],
            },
        }
    )


@pytest.mark.parametrize("stage", ["prod", "dev", "staging"])
def test_a_rule_matches_the_endpoints_of_its_stage_alone(
    events: Any, on_aws: Settings, stage: str
) -> None:
    settings = on_aws.model_copy(update={"stage": stage})
    for name in ("EndpointRests", "EndpointBakes"):
        rule = properties(name, settings)
        pattern = json.dumps(rule["EventPattern"])
        matched = {
            endpoint
            for endpoint in ENDPOINTS
            if events.test_event_pattern(EventPattern=pattern, Event=_event(rule, endpoint))[
                "Result"
            ]
        }
        assert matched == {endpoint for endpoint, of in ENDPOINTS.items() if of == stage}, name


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """EventBridge of an emulator."""
    state = tmp_path_factory.mktemp("rules") / "state"
    images = ROOT / "emulator" / "tests" / "images"
    server = sagemaker_emulator.up(state=Path(state), images=images)
    keys = server["environment"]
    session = boto3.Session(
        keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    )
    yield session.client("events", endpoint_url=server["url"])
    sagemaker_emulator.down(state=Path(state))
