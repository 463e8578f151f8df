"""Every kind of resource: made, changed and deleted through the service that has it."""

import json
from typing import Any

import pytest
from emulator_process import Emulator
from stack_waiting import ended

from sagemaker_emulator.services.stacks.kinds import known

LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
ALLOWS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": LAMBDA}}
CODE = "def handler(event, context):\n    return 1\n"


def of(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def function() -> dict[str, Any]:
    return of(
        "AWS::Lambda::Function",
        Runtime="python3.12",
        Handler="index.handler",
        Role={"Fn::GetAtt": ["Role", "Arn"]},
        Code={"ZipFile": CODE},
    )


def queue_policy(effect: str) -> dict[str, Any]:
    statement = {
        "Effect": effect,
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
    }
    return of(
        "AWS::SQS::QueuePolicy",
        Queues=[{"Ref": "Queue"}],
        PolicyDocument={"Version": "2012-10-17", "Statement": [statement]},
    )


def alarm(threshold: int) -> dict[str, Any]:
    return of(
        "AWS::CloudWatch::Alarm",
        Namespace="Test",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=threshold,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[{"Ref": "Topic"}],
        TreatMissingData="notBreaching",
    )


def bucket(days: int) -> dict[str, Any]:
    rule = {"Id": "old", "Status": "Enabled", "Prefix": "a/", "ExpirationInDays": days}
    return of(
        "AWS::S3::Bucket",
        LifecycleConfiguration={"Rules": [rule]},
        VersioningConfiguration={"Status": "Enabled"},
    )


def bucket_policy(principal: str) -> dict[str, Any]:
    statement = {
        "Effect": "Deny",
        "Principal": principal,
        "Action": "s3:*",
        "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return of(
        "AWS::S3::BucketPolicy",
        Bucket={"Ref": "Bucket"},
        PolicyDocument={"Version": "2012-10-17", "Statement": [statement]},
    )


def first(text: str) -> dict[str, Any]:
    """Resources of every kind that can be made without a model; the text varies what changes."""
    seconds = len(text)
    return {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": LAMBDA,
                "Description": text,
                "Policies": [{"PolicyName": text, "PolicyDocument": ALLOWS}],
            },
        },
        "Inline": of(
            "AWS::IAM::Policy",
            PolicyName="inline",
            PolicyDocument={**ALLOWS, "Id": text},
            Roles=[{"Ref": "Role"}],
        ),
        "Managed": of(
            "AWS::IAM::ManagedPolicy",
            PolicyDocument={**ALLOWS, "Id": text},
            Roles=[{"Ref": "Role"}],
        ),
        "Key": of("AWS::KMS::Key", KeyPolicy=ALLOWS, Description=text, EnableKeyRotation=True),
        "Alias": of(
            "AWS::KMS::Alias",
            AliasName={"Fn::Sub": "alias/${AWS::StackName}"},
            TargetKeyId={"Ref": "Key"},
        ),
        "Bucket": bucket(seconds),
        "BucketPolicy": bucket_policy("*"),
        "Repository": of(
            "AWS::ECR::Repository",
            ImageTagMutability="IMMUTABLE" if text == "before" else "MUTABLE",
        ),
        "Function": {**function(), "DependsOn": "Inline"},
        "Permission": of(
            "AWS::Lambda::Permission",
            FunctionName={"Ref": "Function"},
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn={"Fn::GetAtt": ["Rule", "Arn"]},
        ),
        "Invoke": of(
            "AWS::Lambda::EventInvokeConfig",
            FunctionName={"Ref": "Function"},
            Qualifier="$LATEST",
            MaximumRetryAttempts=seconds % 2,
            DestinationConfig={"OnFailure": {"Destination": {"Fn::GetAtt": ["Queue", "Arn"]}}},
        ),
        "Mapping": of(
            "AWS::Lambda::EventSourceMapping",
            FunctionName={"Ref": "Function"},
            EventSourceArn={"Fn::GetAtt": ["Queue", "Arn"]},
            BatchSize=seconds,
            Enabled=False,
        ),
        "Rule": of(
            "AWS::Events::Rule",
            EventPattern={"source": [text]},
            Targets=[{"Id": text, "Arn": {"Fn::GetAtt": ["Function", "Arn"]}}],
        ),
        "Queue": of("AWS::SQS::Queue", VisibilityTimeout=900 + seconds),
        "QueuePolicy": queue_policy("Allow"),
        "Topic": of("AWS::SNS::Topic", DisplayName=text),
        "TopicPolicy": of(
            "AWS::SNS::TopicPolicy",
            Topics=[{"Ref": "Topic"}],
            PolicyDocument={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": text,
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sns:Publish",
                        "Resource": {"Ref": "Topic"},
                    }
                ],
            },
        ),
        "Subscription": of(
            "AWS::SNS::Subscription",
            TopicArn={"Ref": "Topic"},
            Protocol="sqs",
            Endpoint={"Fn::GetAtt": ["Queue", "Arn"]},
        ),
        "Log": of("AWS::Logs::LogGroup", RetentionInDays=7 if text == "before" else 30),
        "Alarm": alarm(seconds),
        "Group": of("AWS::SageMaker::ModelPackageGroup", ModelPackageGroupDescription="of a stack"),
        "Pipeline": of(
            "AWS::SageMaker::Pipeline",
            PipelineName={"Ref": "AWS::StackName"},
            PipelineDescription=text,
            PipelineDefinition={
                "PipelineDefinitionBody": json.dumps(
                    {
                        "Version": "2020-12-01",
                        "Steps": [
                            {"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": text}}
                        ],
                    }
                )
            },
            RoleArn={"Fn::GetAtt": ["Role", "Arn"]},
        ),
        "Budget": of(
            "AWS::Budgets::Budget",
            Budget={
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": 10, "Unit": "USD"},
            },
        ),
    }


def test_every_kind_is_made_changed_and_deleted(emulator: Emulator, stacks: Any, name: str) -> None:
    request = {"StackName": name, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    made = stacks.create_stack(TemplateBody=json.dumps({"Resources": first("before")}), **request)
    ended(stacks, name, "CREATE_COMPLETE")
    resources = stacks.describe_stack_resources(StackName=name)["StackResources"]
    ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}
    stacks.update_stack(TemplateBody=json.dumps({"Resources": first("changed")}), **request)
    ended(stacks, name, "UPDATE_COMPLETE")

    assert emulator.client("iam").get_role(RoleName=ids["Role"])["Role"]["Description"] == "changed"
    policies = emulator.client("iam").list_role_policies(RoleName=ids["Role"])["PolicyNames"]
    assert sorted(policies) == ["changed", "inline"]
    key = emulator.client("kms").describe_key(KeyId=ids["Key"])["KeyMetadata"]
    assert key["Description"] == "changed"
    lifecycle = emulator.client("s3").get_bucket_lifecycle_configuration(Bucket=ids["Bucket"])
    assert lifecycle["Rules"][0]["Expiration"]["Days"] == len("changed")
    rule = emulator.client("events").describe_rule(Name=ids["Rule"])
    assert json.loads(rule["EventPattern"]) == {"source": ["changed"]}
    attributes = emulator.client("sqs").get_queue_attributes(
        QueueUrl=ids["Queue"], AttributeNames=["VisibilityTimeout"]
    )["Attributes"]
    assert attributes["VisibilityTimeout"] == str(900 + len("changed"))
    pipeline = emulator.client("sagemaker").describe_pipeline(PipelineName=ids["Pipeline"])
    assert pipeline["PipelineDescription"] == "changed"
    groups = emulator.client("logs").describe_log_groups(logGroupNamePrefix=ids["Log"])
    assert groups["logGroups"][0]["retentionInDays"] == 30

    stacks.delete_stack(StackName=name)
    ended(stacks, made["StackId"], "DELETE_COMPLETE")
    assert not emulator.client("sqs").list_queues(QueueNamePrefix=name).get("QueueUrls")


def test_what_has_no_effect_is_said(stacks: Any, name: str) -> None:
    body = json.dumps({"Resources": {"Bucket": bucket(3)}})
    stacks.create_stack(StackName=name, TemplateBody=body)
    ended(stacks, name, "CREATE_COMPLETE")
    detail = stacks.describe_stack_resource(StackName=name, LogicalResourceId="Bucket")
    reason = detail["StackResourceDetail"]["ResourceStatusReason"]
    assert reason == "without effect in the emulator: VersioningConfiguration"


def test_a_kind_is_named_for_what_cannot_be_made(stacks: Any, name: str) -> None:
    from botocore.exceptions import ClientError

    body = json.dumps({"Resources": {"Table": {"Type": "AWS::DynamoDB::Table"}}})
    with pytest.raises(ClientError, match=r"AWS::DynamoDB::Table.*AWS::SQS::Queue") as caught:
        stacks.create_stack(StackName=name, TemplateBody=body)
    assert all(kind in str(caught.value) for kind in known())
