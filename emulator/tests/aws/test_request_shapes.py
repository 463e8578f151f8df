"""Requests checked against botocore's shapes: what is refused, and how a fault is worded."""

from typing import Any

import pytest

from sagemaker_emulator.aws.dispatch import service_model
from sagemaker_emulator.aws.request_shapes import parse, present
from sagemaker_emulator.errors import ApiError


def refusal(operation: str, request: dict[str, Any]) -> str:
    with pytest.raises(ApiError) as raised:
        parse(service_model("sagemaker").operation_model(operation).input_shape, request)
    assert raised.value.code == "ValidationException"
    return raised.value.message


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        (
            "DescribeModel",
            {},
            "Value null at 'modelName' failed to satisfy constraint: Member must",
        ),
        (
            "CreateEndpointConfig",
            {
                "EndpointConfigName": "c",
                "ProductionVariants": [{"VariantName": "v", "ModelName": "no spaces"}],
            },
            "Value 'no spaces' at 'productionVariants.1.member.modelName' failed to satisfy",
        ),
        (
            "AddTags",
            {"ResourceArn": "arn:aws:sagemaker:us-east-1:1:model/m", "Tags": [{"Key": "k"}]},
            "Value null at 'tags.1.member.value'",
        ),
        (
            "CreateModel",
            {"ModelName": "m", "PrimaryContainer": {"Environment": {"A": 1}}},
            "Value '1' at 'primaryContainer.environment.A.member' is not a string",
        ),
        ("ListModels", {"Sort": 1}, "Unknown member 'Sort'; it must be one of: CreationTimeAfter"),
        ("ListModels", {"MaxResults": 2**31}, "at 'maxResults' is not a integer"),
        ("ListModels", {"MaxResults": 10**400}, "at 'maxResults' is not a integer"),
        ("ListModels", {"MaxResults": True}, "Value 'True' at 'maxResults' is not a integer"),
        ("ListModels", {"CreationTimeAfter": 10**400}, "'creationTimeAfter' is not a timestamp"),
        ("ListModels", {"CreationTimeAfter": float("nan")}, "'creationTimeAfter' is not a"),
        ("ListModels", {"CreationTimeAfter": "soon"}, "Value 'soon' at 'creationTimeAfter' is not"),
        ("ListModels", {"NameContains": "\ud800"}, "at 'nameContains' is not Unicode"),
        (
            "UpdateEndpointWeightsAndCapacities",
            {
                "EndpointName": "e",
                "DesiredWeightsAndCapacities": [
                    {"VariantName": "v", "DesiredWeight": float("inf")}
                ],
            },
            "'desiredWeightsAndCapacities.1.member.desiredWeight' is not a finite number",
        ),
    ],
)
def test_fault_is_worded_as_aws_words_it(
    operation: str, request_: dict[str, Any], message: str
) -> None:
    assert message in refusal(operation, request_)


def test_message_can_be_printed_whatever_was_sent() -> None:
    refusal("ListModels", {"NameContains": "\ud800", "\udfff": 1}).encode()


def test_all_faults_are_named_at_once() -> None:
    message = refusal("CreateTransformJob", {"ModelName": "no spaces"})
    assert message.startswith("5 validation errors detected: ")


def test_response_holds_no_number_that_json_cannot() -> None:
    shape = service_model("sagemaker").operation_model("DescribeTrainingJob").output_shape
    metric = {"MetricName": "loss", "Value": float("nan"), "Timestamp": 1.0}
    shown = present(shape, {"FinalMetricDataList": [metric]})
    assert shown == {"FinalMetricDataList": [{"MetricName": "loss", "Timestamp": 1.0}]}


def test_response_holds_no_half_character() -> None:
    shape = service_model("sagemaker").operation_model("DescribeTrainingJob").output_shape
    document = {"FailureReason": "\udcff: é", "HyperParameters": {"\ud800": "x"}}
    assert present(shape, document) == {"FailureReason": "?: é", "HyperParameters": {"?": "x"}}
