import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from stack_waiting import ended


def body(name: str, seconds: int, *others: str) -> str:
    queues = {
        one: {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": f"{name}-{one}", "VisibilityTimeout": seconds},
        }
        for one in ("First", *others)
    }
    return json.dumps({"Resources": queues})


def change_set(stacks: Any, name: str, text: str, **request: Any) -> dict[str, Any]:
    made = stacks.create_change_set(
        StackName=name, ChangeSetName="changes", TemplateBody=text, **request
    )
    found: dict[str, Any] = stacks.describe_change_set(ChangeSetName=made["Id"])
    return found


def test_a_stack_is_made_by_a_change_set(emulator: Emulator, stacks: Any, name: str) -> None:
    found = change_set(stacks, name, body(name, 30), ChangeSetType="CREATE")
    (change,) = found["Changes"]
    assert change["ResourceChange"]["Action"] == "Add"
    assert "QueueUrls" not in emulator.client("sqs").list_queues(QueueNamePrefix=name)
    stacks.execute_change_set(ChangeSetName=found["ChangeSetId"])
    ended(stacks, name, "CREATE_COMPLETE")
    assert len(emulator.client("sqs").list_queues(QueueNamePrefix=name)["QueueUrls"]) == 1


def test_a_change_set_says_what_an_update_changes(
    emulator: Emulator, stacks: Any, name: str
) -> None:
    stacks.create_stack(StackName=name, TemplateBody=body(name, 30, "Second"))
    ended(stacks, name, "CREATE_COMPLETE")
    found = change_set(stacks, name, body(name, 60, "Third"))
    actions = {
        each["ResourceChange"]["LogicalResourceId"]: (
            each["ResourceChange"]["Action"],
            each["ResourceChange"].get("Replacement"),
        )
        for each in found["Changes"]
    }
    assert actions == {
        "First": ("Modify", "False"),
        "Second": ("Remove", None),
        "Third": ("Add", None),
    }
    stacks.execute_change_set(ChangeSetName="changes", StackName=name)
    ended(stacks, name, "UPDATE_COMPLETE")
    urls = emulator.client("sqs").list_queues(QueueNamePrefix=name)["QueueUrls"]
    assert sorted(url.rsplit("-", 1)[1] for url in urls) == ["First", "Third"]


def test_a_stack_in_review_can_be_deleted(stacks: Any, name: str) -> None:
    found = change_set(stacks, name, body(name, 30), ChangeSetType="CREATE")
    stacks.delete_stack(StackName=name)
    ended(stacks, found["StackId"], "DELETE_COMPLETE")


def test_a_change_set_without_changes_says_so(stacks: Any, name: str) -> None:
    stacks.create_stack(StackName=name, TemplateBody=body(name, 30))
    ended(stacks, name, "CREATE_COMPLETE")
    found = change_set(stacks, name, body(name, 30))
    assert found["Status"] == "FAILED"
    assert "didn't contain changes" in found["StatusReason"]
    with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
        stacks.execute_change_set(ChangeSetName="changes", StackName=name)
