"""Waiting for the endpoint to follow what was approved last."""

from datetime import UTC, datetime, timedelta

import pytest

from model_registry import versions
from model_registry.errors import EndpointBusyError
from model_registry.promotion import Placement, promote
from pipelines.serving import rollout

GROUP = "tally"
PLACEMENT = Placement("tally", "ml.m5.large", "arn:aws:iam::123456789012:role/tally-execution")


def test_an_older_version_that_was_approved_last_is_waited_for(client, register):
    register()
    newer = register("Approved")
    promote(client, newer, PLACEMENT, decided_at=datetime.now(UTC) - timedelta(minutes=1))
    assert rollout.wait(client, GROUP, "tally", 0).package == newer
    versions.approve(client, GROUP, 1)
    said = []
    with pytest.raises(EndpointBusyError, match="is still InService"):
        rollout.wait(client, GROUP, "tally", 0, said.append)
    assert said == ["Version 1 is approved; waiting for the approval rule to deploy it."]
