from typing import Any

import pytest

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.stacks.functions import Scope, referred

TEMPLATE = {
    "Mappings": {"Sizes": {"small": {"days": "3"}}},
    "Conditions": {
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsNot": {"Fn::Not": [{"Condition": "IsProd"}]},
        "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Fn::Equals": ["a", "a"]}]},
        "Either": {"Fn::Or": [{"Condition": "IsNot"}, {"Condition": "IsProd"}]},
    },
}
SCOPE = Scope(
    TEMPLATE,
    {"Stage": "prod", "AWS::Region": "us-east-1", "List": ["a", "b"]},
    ids={"Queue": "https://queue"},
    attributes={"Queue": {"Arn": "arn:queue"}},
    exported=lambda name: f"exported {name}",
    zones=("us-east-1a", "us-east-1b"),
)


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "Stage"}, "prod"),
        ({"Ref": "Queue"}, "https://queue"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:queue"),
        (
            {"Fn::Sub": "${Stage}-${AWS::Region}-${Queue.Arn}-${!Kept}"},
            "prod-us-east-1-arn:queue-${Kept}",
        ),
        ({"Fn::Sub": ["${A}-${Stage}", {"A": {"Ref": "Queue"}}]}, "https://queue-prod"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}, "a-prod"),
        ({"Fn::Join": ["-", {"Ref": "List"}]}, "a-b"),
        ({"Fn::Select": ["1", {"Ref": "List"}]}, "b"),
        ({"Fn::Split": [":", {"Fn::GetAtt": ["Queue", "Arn"]}]}, ["arn", "queue"]),
        ({"Fn::If": ["IsProd", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsNot", "yes", "no"]}, "no"),
        ({"Fn::FindInMap": ["Sizes", "small", "days"]}, "3"),
        ({"Fn::Base64": "text"}, "dGV4dA=="),
        ({"Fn::ImportValue": {"Fn::Sub": "${Stage}-name"}}, "exported prod-name"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "us-east-1a"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ),
    ],
)
def test_functions_are_resolved(value: Any, resolved: Any) -> None:
    assert SCOPE.resolve(value) == resolved


@pytest.mark.parametrize(
    ("condition", "holds"), [("Both", True), ("Either", True), ("IsNot", False)]
)
def test_conditions_are_computed(condition: str, holds: bool) -> None:
    assert SCOPE.holds(condition) is holds


def test_a_condition_that_refers_to_itself_is_refused() -> None:
    scope = Scope({"Conditions": {"A": {"Fn::Not": [{"Condition": "A"}]}}}, {})
    with pytest.raises(ApiError, match="A refers to itself"):
        scope.holds("A")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Ref": "Nothing"}, "Unresolved resource dependencies [Nothing]"),
        ({"Fn::GetAtt": ["Queue", "Size"]}, "has no attribute Size"),
        ({"Fn::If": ["Unknown", 1, 2]}, "Unresolved condition dependency Unknown"),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, "Fn::Cidr is not resolved here"),
        ({"Fn::Select": [7, ["a"]]}, "Fn::Select cannot have the argument"),
        ({"Fn::FindInMap": ["Sizes", "large", "days"]}, "Fn::FindInMap cannot have the argument"),
    ],
)
def test_what_cannot_be_resolved_is_refused(value: Any, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        SCOPE.resolve(value)
    assert words in caught.value.message


def test_references_are_found_everywhere() -> None:
    value = {
        "a": [{"Ref": "A"}, {"Fn::GetAtt": ["B", "Arn"]}],
        "b": {"Fn::Sub": ["${C.Arn} ${Own} ${!No}", {"Own": {"Ref": "D"}}]},
        "c": {"Fn::Join": ["", [{"Fn::GetAtt": "E.Arn"}]]},
    }
    assert set(referred(value)) == {"A", "B", "C", "D", "E"}
