"""Stacks on a real server: what they make is there, and what fails is rolled back."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from stack_waiting import ended

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def template(name: str, **more: Any) -> dict[str, Any]:
    """A role, and a function that has it, which a rule invokes."""
    return {
        "Parameters": {"Seconds": {"Type": "Number", "Default": 3}},
        "Resources": {
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": name,
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Timeout": {"Ref": "Seconds"},
                    "Code": {
                        "ZipFile": "def handler(event, context):\n    return 'from a stack'\n"
                    },
                },
            },
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {"RoleName": name, "AssumeRolePolicyDocument": TRUST},
            },
            **more,
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Function", "Arn"]}}},
    }


def create(stacks: Any, name: str, body: dict[str, Any], **request: Any) -> str:
    made = stacks.create_stack(
        StackName=name,
        TemplateBody=json.dumps(body),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        **request,
    )
    return str(made["StackId"])


def test_a_stack_makes_what_really_runs(emulator: Emulator, stacks: Any, name: str) -> None:
    create(stacks, name, template(name))
    stack = ended(stacks, name, "CREATE_COMPLETE")
    reply = emulator.client("lambda").invoke(FunctionName=stack["Outputs"][0]["OutputValue"])
    assert json.load(reply["Payload"]) == "from a stack"


def test_an_update_changes_what_differs_and_nothing_else(
    emulator: Emulator, stacks: Any, name: str
) -> None:
    create(stacks, name, template(name))
    ended(stacks, name, "CREATE_COMPLETE")
    seconds = [{"ParameterKey": "Seconds", "ParameterValue": "7"}]
    stacks.update_stack(
        StackName=name,
        UsePreviousTemplate=True,
        Parameters=seconds,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    ended(stacks, name, "UPDATE_COMPLETE")
    function = emulator.client("lambda").get_function_configuration(FunctionName=name)
    assert function["Timeout"] == 7
    updated = {
        each["LogicalResourceId"]
        for each in stacks.describe_stack_events(StackName=name)["StackEvents"]
        if each["ResourceStatus"] == "UPDATE_IN_PROGRESS"
    }
    assert updated == {"Function", name}


def test_an_update_that_changes_nothing_is_refused(stacks: Any, name: str) -> None:
    create(stacks, name, template(name))
    ended(stacks, name, "CREATE_COMPLETE")
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.update_stack(
            StackName=name, UsePreviousTemplate=True, Capabilities=["CAPABILITY_NAMED_IAM"]
        )


def test_what_is_no_longer_in_the_template_is_deleted(
    emulator: Emulator, stacks: Any, name: str
) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}
    create(stacks, name, template(name, Queue=queue))
    ended(stacks, name, "CREATE_COMPLETE")
    stacks.update_stack(
        StackName=name,
        TemplateBody=json.dumps(template(name)),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    ended(stacks, name, "UPDATE_COMPLETE")
    assert "QueueUrls" not in emulator.client("sqs").list_queues(QueueNamePrefix=name)


def test_a_failed_creation_is_rolled_back(emulator: Emulator, stacks: Any, name: str) -> None:
    broken = template(name)
    broken["Resources"]["Function"]["Properties"]["Runtime"] = "cobol1959"
    create(stacks, name, broken)
    ended(stacks, name, "ROLLBACK_COMPLETE")
    failed = [
        each
        for each in stacks.describe_stack_events(StackName=name)["StackEvents"]
        if each["ResourceStatus"] == "CREATE_FAILED"
    ]
    assert [each["LogicalResourceId"] for each in failed] == ["Function"]
    assert "cobol1959" in failed[0]["ResourceStatusReason"]
    with pytest.raises(ClientError, match="NoSuchEntity"):
        emulator.client("iam").get_role(RoleName=name)


def test_a_failed_update_is_rolled_back(emulator: Emulator, stacks: Any, name: str) -> None:
    create(stacks, name, template(name))
    ended(stacks, name, "CREATE_COMPLETE")
    broken = template(name)
    broken["Resources"]["Role"]["Properties"]["Description"] = "changed"
    broken["Resources"]["Function"]["Properties"]["Handler"] = "index.other"
    broken["Resources"]["Queue"] = {
        "Type": "AWS::SQS::Queue",
        "DependsOn": "Function",
        "Properties": {"QueueName": "not a name"},
    }
    stacks.update_stack(
        StackName=name, TemplateBody=json.dumps(broken), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    ended(stacks, name, "UPDATE_ROLLBACK_COMPLETE")
    role = emulator.client("iam").get_role(RoleName=name)["Role"]
    assert role.get("Description", "") == ""
    function = emulator.client("lambda").get_function_configuration(FunctionName=name)
    assert function["Handler"] == "index.handler"


def test_a_deleted_stack_leaves_what_is_retained(
    emulator: Emulator, stacks: Any, name: str
) -> None:
    bucket = {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "Properties": {"BucketName": name},
    }
    stack_id = create(stacks, name, template(name, Bucket=bucket))
    ended(stacks, name, "CREATE_COMPLETE")
    stacks.delete_stack(StackName=name)
    ended(stacks, stack_id, "DELETE_COMPLETE")
    emulator.client("s3").head_bucket(Bucket=name)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        emulator.client("iam").get_role(RoleName=name)
    with pytest.raises(ClientError, match="does not exist"):
        stacks.describe_stacks(StackName=name)


def test_a_resource_that_must_be_replaced_is_made_anew(
    emulator: Emulator, stacks: Any, name: str
) -> None:
    def body(description: str) -> dict[str, Any]:
        policy = {
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
            },
            "Description": description,
        }
        made = {"Type": "AWS::IAM::ManagedPolicy", "Properties": policy}
        return {"Resources": {"Policy": made}, "Outputs": {"Arn": {"Value": {"Ref": "Policy"}}}}

    create(stacks, name, body("before"))
    before = ended(stacks, name, "CREATE_COMPLETE")["Outputs"][0]["OutputValue"]
    stacks.update_stack(
        StackName=name, TemplateBody=json.dumps(body("after")), Capabilities=["CAPABILITY_IAM"]
    )
    after = ended(stacks, name, "UPDATE_COMPLETE")["Outputs"][0]["OutputValue"]
    iam = emulator.client("iam")
    assert after != before
    assert iam.get_policy(PolicyArn=after)["Policy"]["Description"] == "after"
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_policy(PolicyArn=before)
    (resource,) = stacks.describe_stack_resources(StackName=name)["StackResources"]
    assert resource["PhysicalResourceId"] == after
    stack_id = resource["StackId"]
    stacks.delete_stack(StackName=name)
    ended(stacks, stack_id, "DELETE_COMPLETE")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_policy(PolicyArn=after)


def test_a_resource_that_fails_when_it_is_configured_is_rolled_back(
    emulator: Emulator, stacks: Any, name: str
) -> None:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": name,
            "AssumeRolePolicyDocument": TRUST,
            "ManagedPolicyArns": ["arn:aws:iam::123456789012:policy/nobody-has-made-it"],
        },
    }
    create(stacks, name, {"Resources": {"Role": role}})
    ended(stacks, name, "ROLLBACK_COMPLETE")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        emulator.client("iam").get_role(RoleName=name)


def test_an_unknown_property_is_refused_before_anything_is_made(stacks: Any, name: str) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}
    with pytest.raises(ClientError, match="unsupported property Colour of Queue"):
        create(stacks, name, {"Resources": {"Queue": queue}})
    with pytest.raises(ClientError, match="does not exist"):
        stacks.describe_stacks(StackName=name)


def test_a_circle_of_references_is_refused(stacks: Any, name: str) -> None:
    def queue(other: str) -> dict[str, Any]:
        return {"Type": "AWS::SQS::Queue", "DependsOn": other}

    with pytest.raises(ClientError, match=r"Circular dependency between resources: \[A, B\]"):
        create(stacks, name, {"Resources": {"A": queue("B"), "B": queue("A")}})


def test_a_second_stack_of_a_name_is_refused(stacks: Any, name: str) -> None:
    create(stacks, name, template(name))
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        create(stacks, name, template(name))
    ended(stacks, name, "CREATE_COMPLETE")


def test_a_protected_stack_is_not_deleted(stacks: Any, name: str) -> None:
    create(stacks, name, template(name), EnableTerminationProtection=True)
    ended(stacks, name, "CREATE_COMPLETE")
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        stacks.delete_stack(StackName=name)


def test_one_stack_imports_what_another_exports(stacks: Any, name: str) -> None:
    exporting = template(name)
    exporting["Outputs"]["Arn"]["Export"] = {"Name": f"{name}-arn"}
    create(stacks, name, exporting)
    ended(stacks, name, "CREATE_COMPLETE")
    importing = {
        "Resources": {
            "Log": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {
                    "LogGroupName": {
                        "Fn::Select": [6, {"Fn::Split": [":", {"Fn::ImportValue": f"{name}-arn"}]}]
                    }
                },
            }
        }
    }
    create(stacks, f"{name}-b", importing)
    ended(stacks, f"{name}-b", "CREATE_COMPLETE")
    with pytest.raises(ClientError, match="is in use by"):
        stacks.delete_stack(StackName=name)


def test_a_stack_cut_off_by_a_stop_is_rolled_back(
    own_emulator: Callable[..., Emulator], name: str
) -> None:
    server = own_emulator()
    assert server.up().returncode == 0
    stacks = server.client("cloudformation")
    many = {
        f"Queue{number}": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": f"{name}-{number}"},
        }
        for number in range(150)
    }
    create(stacks, name, {"Resources": many})
    server.kill()
    assert server.up().returncode == 0
    ended(server.client("cloudformation"), name, "ROLLBACK_COMPLETE")
    assert "QueueUrls" not in server.client("sqs").list_queues(QueueNamePrefix=name)


def test_a_template_may_lie_in_s3(emulator: Emulator, stacks: Any, name: str) -> None:
    s3: Any = emulator.client("s3")
    s3.put_object(Bucket="bucket", Key=f"{name}.json", Body=json.dumps(template(name)))
    address = f"https://bucket.s3.us-east-1.amazonaws.com/{name}.json"
    summary = stacks.get_template_summary(TemplateURL=address)
    assert summary["ResourceTypes"] == ["AWS::IAM::Role", "AWS::Lambda::Function"]
    assert summary["Capabilities"] == ["CAPABILITY_NAMED_IAM"]


def test_stacks_are_listed_and_their_resources_described(stacks: Any, name: str) -> None:
    stack_id = create(stacks, name, template(name))
    ended(stacks, name, "CREATE_COMPLETE")
    listed = stacks.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"]
    assert stack_id in [each["StackId"] for each in listed]
    resources = stacks.describe_stack_resources(StackName=name)["StackResources"]
    assert {(each["LogicalResourceId"], each["PhysicalResourceId"]) for each in resources} == {
        ("Role", name),
        ("Function", name),
    }
