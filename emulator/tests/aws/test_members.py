"""A request with a member that its operation does not honour is refused by name."""

from typing import Any

import pytest

from sagemaker_emulator.aws.dispatch import service_model
from sagemaker_emulator.aws.members import paths_of, refuse_others
from sagemaker_emulator.errors import ApiError

HONOURS = ("Rule", "Targets.Id", "Targets.InputTransformer")


def refuse(request: dict[str, Any]) -> None:
    shape = service_model("events").operation_model("PutTargets").input_shape
    refuse_others("events", "PutTargets", shape, request, HONOURS)


def test_honoured_members_pass_with_all_that_is_below_them() -> None:
    transformer = {"InputPathsMap": {"RoleArn": "$.detail"}, "InputTemplate": "<RoleArn>"}
    refuse({"Rule": "r", "Targets": [{"Id": "1", "InputTransformer": transformer}]})


def test_every_other_member_is_named() -> None:
    targets = [{"Id": "1"}, {"Id": "2", "RetryPolicy": {"MaximumRetryAttempts": 0}, "RoleArn": "r"}]
    with pytest.raises(ApiError) as refused:
        refuse({"Rule": "r", "EventBusName": "default", "Targets": targets})
    assert refused.value.code == "ValidationException"
    for path in ("EventBusName", "Targets.RetryPolicy.MaximumRetryAttempts", "Targets.RoleArn"):
        assert path in refused.value.message


def test_a_member_that_asks_for_nothing_passes() -> None:
    target = {"Id": "1", "RunCommandParameters": {"RunCommandTargets": []}, "Input": ""}
    refuse({"Rule": "r", "Targets": [target]})


def test_a_shape_that_holds_itself_has_paths() -> None:
    shape = service_model("emr").operation_model("RunJobFlow").input_shape
    assert "Configurations.Classification" in list(paths_of(shape))
