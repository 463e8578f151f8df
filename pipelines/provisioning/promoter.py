"""The Lambda function that promotes a model version, and what calls it when one is approved."""

import base64
import hashlib
import io
import json
import time
import zipfile
from typing import TYPE_CHECKING, Any, Literal

from pipelines import NAME
from pipelines.provisioning.item import Item, SetupError, explained
from pipelines.root import ROOT
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3

FUNCTION = f"{NAME}-promote"
RULE = f"{NAME}-model-approved"
HANDLER = "model_registry.lambda_handler.handler"
RUNTIME = "python3.12"
# A step waits no longer for its function than these ten minutes, and Lambda allows fifteen.
PROMOTION_SECONDS = 600
# A new role is not known everywhere at once; AWS says to try again.
ROLE_PATIENCE_SECONDS = 60
APPROVED_EVENT = {
    "source": ["aws.sagemaker"],
    "detail-type": ["SageMaker Model Package State Change"],
    "detail": {"ModelPackageGroupName": [NAME], "ModelApprovalStatus": ["Approved"]},
}


def package() -> bytes:
    """The Lambda's code: a zip of `model_registry/` whose bytes depend on its content alone."""
    packed = io.BytesIO()
    # Stored, because what compression answers differs from one zlib to the next.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted((ROOT / "model_registry").rglob("*.py")):
            # Zip knows no time before 1980; a fixed one keeps the bytes the same.
            entry = zipfile.ZipInfo(file.relative_to(ROOT).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return packed.getvalue()


def function(session: "boto3.Session", settings: Settings) -> Item:
    """The function itself, with the code and the configuration that it has here."""
    client, code = session.client("lambda"), package()
    wanted: dict[str, Any] = {
        "FunctionName": FUNCTION,
        "Runtime": RUNTIME,
        "Handler": HANDLER,
        "Role": f"arn:aws:iam::{settings.account}:role/{FUNCTION}",
        "Description": "Promotes an approved model version to the endpoint.",
        "Timeout": PROMOTION_SECONDS,
        "MemorySize": 256,
        "Environment": {"Variables": {"EXECUTION_ROLE": settings.role_arn}},
    }
    try:
        found = client.get_function_configuration(FunctionName=FUNCTION)
    except client.exceptions.ResourceNotFoundException:
        _create_function(client, wanted, code)
        return Item("Lambda function", FUNCTION, "made")
    state: Literal["found", "updated"] = "found"
    if any(found.get(key) != value for key, value in wanted.items()):
        client.update_function_configuration(**wanted)
        # Lambda takes one change of a function at a time.
        client.get_waiter("function_updated_v2").wait(FunctionName=FUNCTION)
        state = "updated"
    if found["CodeSha256"] != _sha(code):
        client.update_function_code(FunctionName=FUNCTION, ZipFile=code)
        state = "updated"
    return Item("Lambda function", FUNCTION, state)


def rule(session: "boto3.Session", settings: Settings) -> Item:
    """The rule that calls the function when a model version is approved."""
    events = session.client("events")
    pattern = json.dumps(APPROVED_EVENT)
    target = {"Id": FUNCTION, "Arn": _function_arn(settings)}
    try:
        found = events.describe_rule(Name=RULE)
        same = json.loads(found["EventPattern"]) == APPROVED_EVENT
        targets = events.list_targets_by_rule(Rule=RULE)["Targets"]
        if same and any(t["Arn"] == target["Arn"] for t in targets):
            return Item("EventBridge rule", RULE, "found")
        state: Literal["made", "updated"] = "updated"
    except events.exceptions.ResourceNotFoundException:
        state = "made"
    events.put_rule(
        Name=RULE,
        EventPattern=pattern,
        State="ENABLED",
        Description="A model version was approved: promote it.",
    )
    events.put_targets(Rule=RULE, Targets=[target])
    return Item("EventBridge rule", RULE, state)


def permission(session: "boto3.Session", settings: Settings) -> Item:
    """The rule's permission to call the function."""
    client = session.client("lambda")
    name = f"{RULE} may invoke {FUNCTION}"
    source = f"arn:aws:events:{settings.region}:{settings.account}:rule/{RULE}"
    try:
        policy = json.loads(client.get_policy(FunctionName=FUNCTION)["Policy"])
        # CloudFormation chooses a name of its own for the statement, so its content is looked at.
        if any(source in json.dumps(statement) for statement in policy["Statement"]):
            return Item("permission", name, "found")
    except client.exceptions.ResourceNotFoundException:
        pass  # a function that nobody else may invoke has no policy at all
    client.add_permission(
        FunctionName=FUNCTION,
        StatementId=RULE,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=source,
    )
    return Item("permission", name, "made")


def holds_current_code(session: "boto3.Session", settings: Settings) -> bool:
    """Whether the function that promotes runs `model_registry/` as it is here.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        SetupError: There is no such function, or these credentials may not look at it.
    """
    with explained("lambda"):
        client = session.client("lambda")
        try:
            found = client.get_function_configuration(FunctionName=FUNCTION)
        except client.exceptions.ResourceNotFoundException:
            raise SetupError(
                f"There is no Lambda function {FUNCTION}, which the pipeline's last step calls. "
                f"Make it: python pipeline.py --target {settings.target} setup"
            ) from None
    return bool(found["CodeSha256"] == _sha(package()))


def _create_function(client: Any, wanted: dict[str, Any], code: bytes) -> None:
    until = time.monotonic() + ROLE_PATIENCE_SECONDS
    while True:
        try:
            client.create_function(**wanted, Code={"ZipFile": code}, Tags={"project": NAME})
            return
        except client.exceptions.InvalidParameterValueException as error:
            if "assume" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(3)


def _sha(code: bytes) -> str:
    """As Lambda tells it."""
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


def _function_arn(settings: Settings) -> str:
    return f"arn:aws:lambda:{settings.region}:{settings.account}:function:{FUNCTION}"
