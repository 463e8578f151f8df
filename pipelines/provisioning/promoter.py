"""The Lambda function that promotes a model version, and the rule that invokes it on approval."""

import base64
import hashlib
import io
import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

from pipelines import NAME
from pipelines.provisioning import template
from pipelines.provisioning.item import Item, SetupError, State, explained
from pipelines.root import ROOT
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from types_boto3_lambda import LambdaClient

# A new role is not known everywhere at once; AWS says to try again.
ROLE_WAIT_SECONDS = 60


def rule_name(settings: Settings) -> str:
    """The name of the rule."""
    return f"{settings.name}-model-approved"


def package() -> bytes:
    """The function's code: a zip of `model_registry/` whose bytes depend on its content alone."""
    packed = io.BytesIO()
    # Stored, not compressed: compressed bytes differ between versions of zlib.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted((ROOT / "model_registry").rglob("*.py")):
            # A fixed time keeps the bytes the same; zip has none before 1980.
            entry = zipfile.ZipInfo(file.relative_to(ROOT).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return packed.getvalue()


def function(session: "boto3.Session", settings: Settings) -> Item:
    """The function, with the configuration of the template and the code of `model_registry/`."""
    client, code, name = session.client("lambda"), package(), settings.function_name
    described = template.properties("Promotion", settings)
    wanted: dict[str, Any] = {
        **{key: value for key, value in described.items() if key not in ("Code", "Tags")},
        "Role": settings.arn("iam", f"role/{settings.global_name('promote')}"),
        "Environment": {"Variables": {"EXECUTION_ROLE": settings.role_arn}},
    }
    try:
        current: Any = client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        _create_function(client, wanted, code)
        return Item("Lambda function", name, "created")
    state: State = "exists"
    if any(current.get(key) != value for key, value in wanted.items()):
        client.update_function_configuration(**wanted)
        # Lambda accepts one change of a function at a time.
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
        state = "updated"
    if current["CodeSha256"] != _sha(code):
        client.update_function_code(FunctionName=name, ZipFile=code)
        state = "updated"
    return Item("Lambda function", name, state)


def rule(session: "boto3.Session", settings: Settings) -> Item:
    """The rule that invokes the function when a model version is approved."""
    events, name = session.client("events"), rule_name(settings)
    described = template.properties("ModelApproved", settings)
    arn = settings.arn("lambda", f"function:{settings.function_name}")
    state: State = "created"
    try:
        current = json.loads(events.describe_rule(Name=name)["EventPattern"])
        targets = events.list_targets_by_rule(Rule=name)["Targets"]
        if current == described["EventPattern"] and any(one["Arn"] == arn for one in targets):
            return Item("EventBridge rule", name, "exists")
        state = "updated"
    except events.exceptions.ResourceNotFoundException:
        pass
    events.put_rule(
        Name=name,
        EventPattern=json.dumps(described["EventPattern"]),
        State="ENABLED",
        Description=described["Description"],
    )
    events.put_targets(Rule=name, Targets=[{"Id": settings.function_name, "Arn": arn}])
    return Item("EventBridge rule", name, state)


def permission(session: "boto3.Session", settings: Settings) -> Item:
    """The rule's permission to invoke the function."""
    client, name, rule = session.client("lambda"), settings.function_name, rule_name(settings)
    described = f"{rule} may invoke {name}"
    source = settings.arn("events", f"rule/{rule}")
    try:
        policy = json.loads(client.get_policy(FunctionName=name)["Policy"])
        # CloudFormation gives the statement a name of its own, so its content is compared.
        if any(source in json.dumps(statement) for statement in policy["Statement"]):
            return Item("permission", described, "exists")
    except client.exceptions.ResourceNotFoundException:
        pass  # a function that nobody else may invoke has no policy
    client.add_permission(
        FunctionName=name,
        StatementId=rule,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=source,
    )
    return Item("permission", described, "created")


def is_current(session: "boto3.Session", settings: Settings) -> bool:
    """Whether the function has the code of `model_registry/` here.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        SetupError: There is no such function, or these credentials may not look at it.
    """
    name = settings.function_name
    with explained("lambda"):
        client = session.client("lambda")
        try:
            current = client.get_function_configuration(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            raise SetupError(
                f"There is no Lambda function {name}, which the pipeline's last step invokes. "
                f"Create it: python pipeline.py --target {settings.target} setup"
            ) from None
    return current["CodeSha256"] == _sha(package())


def _create_function(client: "LambdaClient", wanted: dict[str, Any], code: bytes) -> None:
    deadline = time.monotonic() + ROLE_WAIT_SECONDS
    while True:
        try:
            client.create_function(**wanted, Code={"ZipFile": code}, Tags={"project": NAME})
            return
        except client.exceptions.InvalidParameterValueException as error:
            if "assume" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(3)


def _sha(code: bytes) -> str:
    """The hash as Lambda reports it."""
    return base64.b64encode(hashlib.sha256(code).digest()).decode()
