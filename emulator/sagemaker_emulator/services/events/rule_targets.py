"""EventBridge: the operations on the targets of rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.services.events import inputs
from sagemaker_emulator.services.events.pages import page
from sagemaker_emulator.services.events.rule import (
    DEFAULT,
    RULE,
    bus_arn,
    bus_in,
    get_rule,
    rules_of,
    stored_key,
)
from sagemaker_emulator.services.targets import kind_of

if TYPE_CHECKING:
    from types_boto3_events import type_defs as types

_MAX_TARGETS = 5  # of a rule
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12})?:.+")
_KINDS = ("lambda", "pipeline", "sqs", "sns", "logs", "events")
# It is of rules that an AWS service manages; here there are none, so that it changes nothing.
_OF_MANAGED_RULES = "Force"


@operation(
    "PutTargets",
    "events",
    honours=(
        *("Rule", "EventBusName", "Targets.Id", "Targets.Arn", "Targets.Input"),
        *("Targets.InputPath", "Targets.InputTransformer", "Targets.DeadLetterConfig"),
        *("Targets.SageMakerPipelineParameters", "Targets.RoleArn", "Targets.RetryPolicy"),
        "Targets.SqsParameters",
    ),
)
def put_targets(context: Context, request: types.PutTargetsRequestTypeDef) -> Response:
    """Add or replace targets by their Id; one that is not run here is a failed entry."""
    for target in request["Targets"]:
        _check_target(target)
    failed = []
    with context.store.transaction():
        rule = get_rule(context, request, "Rule")
        own = bus_arn(context, rule.get("EventBusName", DEFAULT))
        if any(target["Arn"] == own for target in request["Targets"]):
            raise invalid(f"Rule {rule['Name']} cannot send to its own event bus {own}.")
        targets = {target["Id"]: target for target in rule["Targets"]}
        for target in request["Targets"]:
            if kind_of(target["Arn"]) in _KINDS:
                targets[target["Id"]] = target
            else:
                message = (
                    f"{target['Arn']}: only Lambda functions, pipelines, SQS queues, SNS topics, "
                    "CloudWatch log groups and event buses are run here"
                )
                entry = {"TargetId": target["Id"], "ErrorCode": "UnsupportedTarget"}
                failed.append({**entry, "ErrorMessage": message})
        if len(targets) > _MAX_TARGETS:
            message = "The requested resource exceeds the maximum number allowed."
            raise ApiError("LimitExceededException", message)
        context.store.update(RULE, stored_key(rule), Targets=list(targets.values()))
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation("ListTargetsByRule", "events", honours=("Rule", "EventBusName", "NextToken", "Limit"))
def list_targets(context: Context, request: types.ListTargetsByRuleRequestTypeDef) -> Response:
    """The targets of a rule, by Id."""
    targets = get_rule(context, request, "Rule")["Targets"]
    return page("ListTargetsByRule", request, "Targets", targets, "Id")


@operation("RemoveTargets", "events", honours=("Rule", "EventBusName", "Ids", _OF_MANAGED_RULES))
def remove_targets(context: Context, request: types.RemoveTargetsRequestTypeDef) -> Response:
    """Remove targets from a rule by Id; one that it does not have is a failed entry."""
    with context.store.transaction():
        rule = get_rule(context, request, "Rule")
        missing = set(request["Ids"]) - {target["Id"] for target in rule["Targets"]}
        kept = [target for target in rule["Targets"] if target["Id"] not in request["Ids"]]
        context.store.update(RULE, stored_key(rule), Targets=kept)
    failed = [
        {
            "TargetId": identity,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Rule '{rule['Name']}' does not have a target with the Id "
            f"'{identity}'.",
        }
        for identity in sorted(missing)
    ]
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation(
    "ListRuleNamesByTarget", "events", honours=("TargetArn", "EventBusName", "NextToken", "Limit")
)
def list_names_by_target(
    context: Context, request: types.ListRuleNamesByTargetRequestTypeDef
) -> Response:
    """The rules that send to a target."""
    rules = [
        rule
        for rule in rules_of(context, bus_in(context, request))
        if any(target["Arn"] == request["TargetArn"] for target in rule["Targets"])
    ]
    listed = page("ListRuleNamesByTarget", request, "RuleNames", rules, "Name")
    return {**listed, "RuleNames": [rule["Name"] for rule in listed["RuleNames"]]}


def _check_target(target: types.TargetUnionTypeDef) -> None:
    """Refuse a target that EventBridge refuses.

    Raises:
        ApiError: `ValidationException`.
    """
    queue = target.get("DeadLetterConfig", {}).get("Arn")
    for arn in (target["Arn"], *([queue] if queue else [])):
        if not _ARN.fullmatch(arn):
            reason = "Reason: Provided Arn is not in correct format."
            raise invalid(f"Parameter {arn} is not valid. {reason}")
    if target["Arn"].endswith(".fifo") and "SqsParameters" not in target:
        raise invalid(f"Parameter(s) SqsParameters must be specified for target: {target['Id']}.")
    if "SqsParameters" in target and kind_of(target["Arn"]) != "sqs":
        raise invalid(f"Parameter SqsParameters is not for the target {target['Arn']}.")
    if queue and not re.match(r"arn:aws:sqs:", queue):
        raise invalid(f"Parameter {queue} is not valid. Reason: a dead letter needs an SQS queue.")
    inputs.check(target)
