"""Requests checked against botocore's shapes: what is refused, and how a fault is worded."""

from typing import Any

import pytest

from sagemaker_emulator.aws.dispatch import service_model
from sagemaker_emulator.aws.request_shapes import parse, present
from sagemaker_emulator.errors import ApiError


def refusal(operation: str, request: dict[str, Any], code: str = "ValidationException") -> str:
    with pytest.raises(ApiError) as raised:
        parse(service_model("sagemaker").operation_model(operation).input_shape, request)
    assert raised.value.code == code
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
        ("ListModels", {"Sort": 1}, "Unknown member 'Sort'; it must be one of: CreationTimeAfter"),
        ("ListModels", {"MaxResults": 2**31}, "at 'maxResults' is not a integer"),
        ("ListModels", {"MaxResults": 10**400}, "at 'maxResults' is not a integer"),
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


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("ListModels", {"MaxResults": "5"}, "STRING_VALUE can not be converted to an Integer"),
        ("ListModels", {"MaxResults": True}, "TRUE_VALUE can not be converted to an Integer"),
        ("ListModels", {"MaxResults": 1.5}, "NUMBER_VALUE can not be converted to an Integer"),
        ("ListModels", {"MaxResults": [1]}, "Start of list found where not expected"),
        ("ListModels", {"MaxResults": {}}, "Start of structure or map found where not expected."),
        ("ListModels", {"NextToken": 1}, "NUMBER_VALUE can not be converted to a String"),
        ("ListModels", {"NextToken": False}, "FALSE_VALUE can not be converted to a String"),
        ("ListModels", {"CreationTimeAfter": True}, "TRUE_VALUE can not be converted to millisec"),
        ("CreateModel", {"Containers": "x"}, "Expected list or null (at 'containers')"),
        ("CreateModel", {"Containers": {}}, "Start of structure or map found where not expected."),
        ("CreateModel", {"VpcConfig": 1}, "Expected null (at 'vpcConfig')"),
        ("CreateModel", {"VpcConfig": []}, "Start of list found where not expected"),
        ("CreateModel", {"EnableNetworkIsolation": "true"}, "STRING_VALUE can not be converted to"),
        (
            "CreateModel",
            {"ModelName": "no spaces", "PrimaryContainer": {"Environment": {"A": 1}}},
            "to a String (at 'primaryContainer.environment.A.member')",
        ),
        (
            "CreateModel",
            {"PrimaryContainer": {"Environment": "A"}},
            "Expected map or null (at 'primaryContainer.environment')",
        ),
    ],
)
def test_value_of_another_type_is_no_matter_of_validation(
    operation: str, request_: dict[str, Any], message: str
) -> None:
    """AWS reads a request before it checks it, and then has no other faults to report."""
    assert message in refusal(operation, request_, "SerializationException")


@pytest.mark.parametrize(
    ("service", "operation", "request_", "message"),
    [
        (
            "sagemaker",
            "UpdateTrialComponent",
            {"TrialComponentName": "c", "ParametersToRemove": ["ok", "k" * 257]},
            f"Value '[ok, {'k' * 257}]' at 'parametersToRemove' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must have length less than or equal to 256, "
            "Member must have length greater than or equal to 0, "
            "Member must satisfy regular expression pattern: .*]",
        ),
        (
            "sagemaker",
            "CreateModelPackage",
            {"CustomerMetadataProperties": {"short": "v", "k" * 129: "w"}},
            f"1 validation error detected: Value '{{short=v, {'k' * 129}=w}}' at "
            "'customerMetadataProperties' failed to satisfy constraint: Map keys must satisfy "
            "constraint: [Member must have length less than or equal to 128, ",
        ),
        (
            "lambda",
            "CreateFunction",
            {
                "FunctionName": "f",
                "Role": "arn:aws:iam::123456789012:role/r",
                "Code": {},
                "Architectures": ["foo"],
            },
            "1 validation error detected: Value '[foo]' at 'architectures' failed to satisfy "
            "constraint: Member must satisfy constraint: [Member must satisfy enum value set: "
            "[x86_64, arm64], Member must not be null]",
        ),
        (
            "lambda",
            "CreateAlias",
            {
                "FunctionName": "f",
                "Name": "a",
                "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"2": 2.0}},
            },
            "Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
            "constraint: Map value must satisfy constraint: [Member must have value less than or "
            "equal to 1.0, Member must have value greater than or equal to 0.0, Member must not "
            "be null]",
        ),
        (
            "lambda",
            "CreateAlias",
            {
                "FunctionName": "f",
                "Name": "a",
                "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.5}},
            },
            "Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
            "constraint: Map keys must satisfy constraint: [Member must have length less than or "
            "equal to 1024, Member must have length greater than or equal to 1, Member must "
            "satisfy regular expression pattern: [0-9]+]",
        ),
    ],
)
def test_elements_of_a_list_or_a_map_are_refused_together(
    service: str, operation: str, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ApiError) as raised:
        parse(service_model(service).operation_model(operation).input_shape, request_, service)
    assert message in raised.value.message


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


@pytest.mark.parametrize(
    ("service", "operation", "request_", "message"),
    [
        (
            "sagemaker",
            "CreateModelCard",
            {"ModelCardName": "c", "ModelCardStatus": "Draft", "Content": "secret " * 20_000},
            "Value at 'content' failed to satisfy constraint: Member must have length less than",
        ),
        (
            "logs",
            "GetLogEvents",
            {"logGroupIdentifier": "secret*", "logStreamName": "s"},
            r"Value at 'logGroupIdentifier' failed to satisfy constraint: Member must satisfy "
            r"regular expression pattern: [\w#+=/:,.@-]*",
        ),
    ],
)
def test_values_that_aws_does_not_show_are_not_shown(
    service: str, operation: str, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ApiError) as raised:
        parse(service_model(service).operation_model(operation).input_shape, request_)
    assert message in raised.value.message
    assert "secret" not in raised.value.message


def test_structures_are_shown_with_every_member() -> None:
    transformation = {"metricNamespace": "n", "metricValue": "1"}
    request = {
        "logGroupName": "g",
        "filterName": "f",
        "filterPattern": "",
        "metricTransformations": [{**transformation, "metricName": name} for name in "ab"],
    }
    with pytest.raises(ApiError) as raised:
        parse(service_model("logs").operation_model("PutMetricFilter").input_shape, request)
    shown = ", ".join(
        f"MetricTransformation(metricName={name}, metricNamespace=n, metricValue=1, "
        "defaultValue=null, dimensions=null, unit=null)"
        for name in "ab"
    )
    assert raised.value.message == (
        f"1 validation error detected: Value '[{shown}]' at 'metricTransformations' failed to "
        "satisfy constraint: Member must have length less than or equal to 1"
    )
