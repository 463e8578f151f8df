"""Tags as the Resource Groups Tagging API finds them: of what this server runs itself."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from function_archive import function_request
from stack_waiting import ended

SOURCE = "def handler(event, context):\n    return None\n"


@pytest.fixture
def value() -> str:
    return uuid.uuid4().hex


def found(emulator: Emulator, value: str) -> dict[str, dict[str, str]]:
    """The tags of all resources of which `of` is a value, by their ARNs."""
    answer = emulator.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "of", "Values": [value]}]
    )
    return {
        each["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]}
        for each in answer["ResourceTagMappingList"]
    }


@pytest.fixture
def mapping(emulator: Emulator, value: str) -> str:
    functions: Any = emulator.client("lambda")
    sqs: Any = emulator.client("sqs")
    functions.create_function(**function_request(f"f-{value}", SOURCE))
    url = sqs.create_queue(QueueName=value)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    made = functions.create_event_source_mapping(
        EventSourceArn=queue["QueueArn"], FunctionName=f"f-{value}", Tags={"of": value}
    )
    return str(made["EventSourceMappingArn"])


def test_mapping_is_found_by_its_tags(emulator: Emulator, mapping: str, value: str) -> None:
    assert found(emulator, value) == {mapping: {"of": value}}


def test_tags_of_a_mapping_are_changed(emulator: Emulator, mapping: str, value: str) -> None:
    functions: Any = emulator.client("lambda")
    functions.tag_resource(Resource=mapping, Tags={"team": "t"})
    functions.untag_resource(Resource=mapping, TagKeys=["of"])
    assert functions.list_tags(Resource=mapping)["Tags"] == {"team": "t"}


def test_tags_of_no_mapping_are_refused(emulator: Emulator, mapping: str) -> None:
    functions: Any = emulator.client("lambda")
    other = mapping.replace(mapping[-12:], "0" * 12)
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.list_tags(Resource=other)


def test_stack_is_found_by_its_tags(emulator: Emulator, value: str) -> None:
    stacks: Any = emulator.client("cloudformation")
    template = {"Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}}}
    stack = stacks.create_stack(
        StackName=f"s-{value}",
        TemplateBody=json.dumps(template),
        Tags=[{"Key": "of", "Value": value}],
    )["StackId"]
    ended(stacks, stack, "CREATE_COMPLETE")
    assert found(emulator, value)[stack] == {"of": value}


def test_no_more_than_50_tags_are_kept(emulator: Emulator, value: str) -> None:
    events: Any = emulator.client("events")
    arn = events.put_rule(Name=value, EventPattern=json.dumps({"source": [value]}))["RuleArn"]
    tags = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    events.tag_resource(ResourceARN=arn, Tags=tags)
    with pytest.raises(ClientError, match="at most 50 tags"):
        events.tag_resource(ResourceARN=arn, Tags=[{"Key": "one-more", "Value": ""}])
    assert len(events.list_tags_for_resource(ResourceARN=arn)["Tags"]) == 50
    events.delete_rule(Name=value)
