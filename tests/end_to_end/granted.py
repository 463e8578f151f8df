"""The permissions of the two roles beside the calls that a run of the pipeline really made."""

import json
from pathlib import Path

from pipelines.provisioning import template

# Who calls, as the emulator records it, and the role in whose name on AWS.
ROLES = {"pipeline": "ExecutionRole", "tally-promote": "PromotionRole"}
# botocore's names of services and operations, where IAM has others.
_SERVICES = {"monitoring": "cloudwatch"}
_ACTIONS = {("lambda", "Invoke"): "lambda:InvokeFunction"}
# What is granted although the emulator records no such call of it: the action, or how it begins.
UNRECORDED = {
    "ExecutionRole": {
        "s3:": "SageMaker reads and writes jobs' data in the role's name",
        "ecr:": "SageMaker fetches images in the role's name",
        "logs:": "jobs' output",
        "cloudwatch:DescribeAlarms": "SageMaker reads the alarms of a guarded update",
        "cloudwatch:PutMetricData": "jobs' metrics",
        "iam:PassRole": "it goes with every job",
        "sagemaker:AddTags": "it goes with every tagged resource",
        "sagemaker:Stop": "only where an execution is stopped",
        "sagemaker:CreateModelPackageGroup": "only where `setup` has not made it",
        "sagemaker:ListPipeline": "only the watch pipeline, before it retrains",
        "sagemaker:StartPipelineExecution": "only the watch pipeline, to retrain",
        "sagemaker:AssociateTrialComponent": "SageMaker lists executions as experiments",
        "sagemaker:CreateExperiment": "SageMaker lists executions as experiments",
        "sagemaker:CreateTrial": "SageMaker lists executions as experiments",
        "sagemaker:DescribeExperiment": "SageMaker lists executions as experiments",
        "sagemaker:DescribeTrial": "SageMaker lists executions as experiments",
        "sagemaker:UpdateTrial": "SageMaker lists executions as experiments",
    },
    "PromotionRole": {
        "logs:": "the function's output",
        "iam:PassRole": "it goes with the model",
        "iam:CreateServiceLinkedRole": "only with the setting scaling.max, the first time",
        "application-autoscaling:": "all but the question is only with the setting scaling.max",
        "sagemaker:UpdateEndpointWeightsAndCapacities": "Application Auto Scaling does it",
        "cloudwatch:DeleteAlarms": "Application Auto Scaling deletes its policy's alarms",
        "cloudwatch:PutMetricAlarm": "Application Auto Scaling makes its policy's alarms",
        "cloudwatch:DescribeAlarms": "SageMaker reads the alarms of a guarded update",
        "ecr:DescribeImageScanFindings": "only with the setting images.stop_at",
        "s3:GetObject": "the model's data; S3's calls are not recorded",
        "sagemaker:DeleteEndpoint": "only where the endpoint has failed",
        "sqs:SendMessage": "Lambda sends lost approvals in the function's name",
    },
}


def granted(role: str) -> set[str]:
    """The actions that the template grants to a role whatever its parameters are."""
    policy = template.load()["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]
    return {action for one in policy["Statement"] for action in one.get("Action", ())}


def recorded(calls: Path) -> dict[str, set[str]]:
    """The actions that were done in the name of each role, from the emulator's record of calls."""
    found: dict[str, set[str]] = {role: set() for role in ROLES.values()}
    for line in calls.read_text().splitlines():
        call = json.loads(line)
        if role := ROLES.get(call["caller"]):
            service = _SERVICES.get(call["service"], call["service"])
            action = _ACTIONS.get((service, call["operation"]), f"{service}:{call['operation']}")
            found[role].add(action)
    return found
