"""A rule that calls a function when a version of a model package group is approved."""

import json
import time
from typing import Any

from emulator_process import Emulator


def rule_for(
    emulator: Emulator, functions: Any, function: str, group: str, permit: Any = True
) -> None:
    events = emulator.client("events")
    arn = events.put_rule(
        Name=f"rule-{group}",
        EventPattern=json.dumps(
            {
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Package State Change"],
                "detail": {
                    "ModelPackageGroupName": [group],
                    "ModelApprovalStatus": ["Approved", "Rejected"],
                },
            }
        ),
    )["RuleArn"]
    target = functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    done = events.put_targets(Rule=f"rule-{group}", Targets=[{"Id": "1", "Arn": target}])
    assert done["FailedEntryCount"] == 0
    if permit:
        functions.add_permission(
            FunctionName=function,
            StatementId="events",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=arn,
        )


def approve(emulator: Emulator, group: str) -> Any:
    emulator.client("s3").create_bucket(Bucket="lambda-events")
    sagemaker = emulator.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:latest"
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={"Containers": [{"Image": image, "ModelDataUrl": "s3://b/m"}]},
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    return arn


def wait_for_events(emulator: Emulator, arn: Any, seconds: float = 10.0) -> Any:
    s3 = emulator.client("s3")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        listed = s3.list_objects_v2(Bucket="lambda-events", Prefix=arn.replace(":", "-"))
        keys = [item["Key"] for item in listed.get("Contents", [])]
        if keys:
            return [
                json.loads(s3.get_object(Bucket="lambda-events", Key=key)["Body"].read())
                for key in keys
            ]
        time.sleep(0.05)
    return []
