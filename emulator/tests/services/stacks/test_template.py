import json

import pytest

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.stacks.template import check_capabilities, parameters, parse

QUEUE = "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}\n"


def refusal(body: str) -> str:
    with pytest.raises(ApiError) as caught:
        parse(body)
    assert caught.value.code == "ValidationError"
    return caught.value.message


def test_json_and_yaml_are_the_same_template() -> None:
    assert parse(QUEUE) == parse(json.dumps(parse(QUEUE)))


def test_short_forms_are_functions() -> None:
    body = QUEUE + "Outputs: {A: {Value: !GetAtt Queue.Arn}, B: {Value: !Sub 'x-${Queue}'}}"
    outputs = parse(body)["Outputs"]
    assert outputs["A"]["Value"] == {"Fn::GetAtt": ["Queue", "Arn"]}
    assert outputs["B"]["Value"] == {"Fn::Sub": "x-${Queue}"}


def test_a_version_stays_a_text() -> None:
    assert parse("AWSTemplateFormatVersion: 2010-09-09\n" + QUEUE)["AWSTemplateFormatVersion"] == (
        "2010-09-09"
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[1]", "unsupported structure"),
        ("a: [", "neither JSON nor YAML"),
        ("{}", "At least one Resources member"),
        ("Resources: {A: {Properties: {}}}", "must contain a Type member"),
        ("Resources: {a-b: {Type: 'AWS::SQS::Queue'}}", "non alphanumeric"),
        ("Resources: {A: {Type: 'AWS::EC2::Instance'}}", "AWS::EC2::Instance"),
        ("Resources: {A: {Type: 'AWS::SQS::Queue', Propertys: {}}}", "Propertys"),
        ("Resources: {A: {Type: 'AWS::SQS::Queue', DeletionPolicy: Snapshot}}", "DeletionPolicy"),
        (QUEUE + "Transform: AWS::Serverless-2016-10-31", "no Transform"),
        (QUEUE + "Resource: {}", "Resource"),
        ("Resources: [A]", "Resources must be an object"),
        ("Resources: {A: {Type: 'AWS::SQS::Queue', Properties: [1]}}", "Properties must be"),
        (QUEUE + "Parameters: {P: String}", "Parameter P must have one of the types"),
    ],
)
def test_a_malformed_template_is_refused(body: str, words: str) -> None:
    assert words in refusal(body)


def test_aliases_are_refused() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\n" + QUEUE
    assert "an alias (line 2)" in refusal(bomb)


def test_deep_nesting_is_refused() -> None:
    assert "more than 100 levels deep" in refusal("[" * 20_000)


PARAMETERS = """
Parameters:
  Stage: {Type: String, Default: prod, AllowedValues: [dev, prod]}
  Name: {Type: String, AllowedPattern: '[a-z]+'}
  Days: {Type: Number, Default: 3, MinValue: 1}
  Names: {Type: CommaDelimitedList, Default: 'a, b'}
"""


def test_parameters_have_given_or_default_values() -> None:
    values = parameters(parse(PARAMETERS + QUEUE), {"Name": "x", "Days": "7"})
    assert values == {"Stage": "prod", "Name": "x", "Days": "7", "Names": ["a", "b"]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Parameters: [Name] must have values"),
        ({"Name": "x", "Nam": "y"}, "Parameters: [Nam] do not exist in the template"),
        ({"Name": "X"}, "must match pattern [a-z]+"),
        ({"Name": "x", "Stage": "test"}, "must be one of AllowedValues"),
        ({"Name": "x", "Days": "0"}, "not less than 1"),
        ({"Name": "x", "Days": "many"}, "must be a number"),
    ],
)
def test_a_wrong_parameter_is_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(ApiError) as caught:
        parameters(parse(PARAMETERS + QUEUE), given)
    assert words in caught.value.message


def test_a_pattern_is_matched_in_linear_time() -> None:
    text = "Parameters: {P: {Type: String, AllowedPattern: '(a+)+b'}}\n" + QUEUE
    with pytest.raises(ApiError, match="must match pattern"):
        parameters(parse(text), {"P": "a" * 4000})


def test_a_limit_that_is_none_is_named() -> None:
    text = "Parameters: {P: {Type: String, MinLength: many}}\n" + QUEUE
    with pytest.raises(ApiError, match="Parameter P: "):
        parameters(parse(text), {"P": "a"})


def test_named_identities_need_a_capability() -> None:
    template = parse(
        "Resources: {R: {Type: 'AWS::IAM::Role', Properties: {RoleName: r, "
        "AssumeRolePolicyDocument: {}}}}"
    )
    with pytest.raises(ApiError) as caught:
        check_capabilities(template, ["CAPABILITY_IAM"])
    assert caught.value.code == "InsufficientCapabilitiesException"
    check_capabilities(template, ["CAPABILITY_NAMED_IAM"])
