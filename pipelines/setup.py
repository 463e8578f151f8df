"""What the pipeline needs around it, made where it is missing: the same calls on either target.

Image repositories, bucket, roles, model package group, the Lambda function that promotes, the rule
that calls it when a model version is approved, and the address that stands for "no model yet".
"""

import base64
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipelines import images, policies
from pipelines.errors import UserError
from pipelines.parameters import no_model
from pipelines.settings import NAME, Settings
from pipelines.target import ROOT

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
NO_MODEL = (
    "This address stands for `no model is approved yet`: the pipeline's parameter ApprovedModel\n"
    "points here until a model version is approved. `python pipeline.py setup` made it.\n"
)
APPROVED_EVENT = {
    "source": ["aws.sagemaker"],
    "detail-type": ["SageMaker Model Package State Change"],
    "detail": {"ModelPackageGroupName": [NAME], "ModelApprovalStatus": ["Approved"]},
}


class SetupError(UserError):
    """Something around the pipeline can neither be found nor made."""


@dataclass(frozen=True)
class Item:
    """One thing that the pipeline needs.

    Attributes:
        kind: What it is, such as `bucket`.
        name: What it is called.
        state: Whether it was there, is new, or was brought up to date.
    """

    kind: str
    name: str
    state: Literal["found", "made", "updated"]

    def __str__(self) -> str:
        """One line, the state first."""
        return f"{self.state:<9}  {self.kind} {self.name}"


def setup(session: "boto3.Session", settings: Settings) -> list[Item]:
    """Make what is missing around the pipeline, and answer what was made or found.

    Args:
        session: The target's session.
        settings: Resolved settings.

    Raises:
        SetupError: A permission is missing, or a name is taken by somebody else.
    """
    with _explained("ecr"):
        items = [_repository(session, name) for name in _repositories(settings)]
    with _explained("s3"):
        items += [_bucket(session, settings), _no_model(session, settings)]
    with _explained("iam"):
        items += [_execution_role(session, settings), _promotion_role(session, settings)]
    with _explained("sagemaker"):
        items.append(_package_group(session))
    with _explained("lambda"):
        items.append(_function(session, settings))
    with _explained("events"):
        items.append(_rule(session, settings))
    with _explained("lambda"):
        items.append(_permission(session, settings))
    return items


def package(folder_name: str = "model_registry") -> bytes:
    """The Lambda's code: a zip of `model_registry/` whose bytes depend on its content alone."""
    packed = io.BytesIO()
    # Stored, because what compression answers differs from one zlib to the next.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted((ROOT / folder_name).rglob("*.py")):
            # Zip knows no time before 1980; a fixed one keeps the bytes the same.
            entry = zipfile.ZipInfo(file.relative_to(ROOT).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return packed.getvalue()


def _bucket(session: "boto3.Session", settings: Settings) -> Item:
    s3, name = session.client("s3"), settings.bucket_name
    code = _error_code(lambda: s3.head_bucket(Bucket=name))
    if code == "403":
        raise SetupError(
            f"The bucket {name} exists, but these credentials may not use it: it is somebody "
            "else's, or s3:ListBucket is missing. Another name: `bucket` in the settings."
        )
    if code is None:
        return Item("bucket", name, "found")
    # us-east-1 is the one region that must not be named.
    place: dict[str, Any] = (
        {}
        if settings.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": settings.region}}
    )
    s3.create_bucket(Bucket=name, **place)
    return Item("bucket", name, "made")


def _no_model(session: "boto3.Session", settings: Settings) -> Item:
    s3, address = session.client("s3"), no_model(settings)
    where = {"Bucket": settings.bucket_name, "Key": address.split("/", 3)[3] + "README.txt"}
    if _error_code(lambda: s3.head_object(**where)) is None:
        return Item("no-model marker", address, "found")
    s3.put_object(**where, Body=NO_MODEL.encode())
    return Item("no-model marker", address, "made")


def _repositories(settings: Settings) -> list[str]:
    if not settings.images.from_ecr:
        return []
    return [f"{NAME}-{name}" for name in images.ours(settings)]


def _repository(session: "boto3.Session", name: str) -> Item:
    ecr = session.client("ecr")
    try:
        ecr.describe_repositories(repositoryNames=[name])
        return Item("image repository", name, "found")
    except ecr.exceptions.RepositoryNotFoundException:
        ecr.create_repository(
            repositoryName=name,
            # A tag is the hash of what the image is made of: what it names never changes.
            imageTagMutability="IMMUTABLE",
            imageScanningConfiguration={"scanOnPush": True},
            tags=[{"Key": "project", "Value": NAME}],
        )
        return Item("image repository", name, "made")


def _execution_role(session: "boto3.Session", settings: Settings) -> Item:
    name = settings.role_arn.rsplit("/", 1)[1]
    if name != f"{NAME}-execution":
        # Somebody chose a role of their own: its permissions are theirs to decide.
        if _error_code(lambda: session.client("iam").get_role(RoleName=name)) == "NoSuchEntity":
            raise SetupError(f"The settings name a role that does not exist: {settings.role_arn}.")
        return Item("role", name, "found")
    return _role(session, name, policies.EXECUTION_SERVICES, policies.execution(settings))


def _promotion_role(session: "boto3.Session", settings: Settings) -> Item:
    return _role(session, FUNCTION, policies.PROMOTION_SERVICES, policies.promotion(settings))


def _role(session: "boto3.Session", name: str, services: list[str], policy: Any) -> Item:
    iam = session.client("iam")
    found = _error_code(lambda: iam.get_role(RoleName=name)) is None
    if not found:
        iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(policies.trust(services)),
            Description="Made by Tally's setup.",
            Tags=[{"Key": "project", "Value": NAME}],
        )
    else:
        if NAME not in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            # CloudFormation made it, or a person: its permissions are theirs to decide.
            return Item("role", name, "found")
        current = iam.get_role_policy(RoleName=name, PolicyName=NAME)["PolicyDocument"]
        if current == policy:
            return Item("role", name, "found")
    iam.put_role_policy(RoleName=name, PolicyName=NAME, PolicyDocument=json.dumps(policy))
    return Item("role", name, "updated" if found else "made")


def _package_group(session: "boto3.Session") -> Item:
    sagemaker = session.client("sagemaker")
    found = sagemaker.list_model_package_groups(NameContains=NAME)["ModelPackageGroupSummaryList"]
    if any(group["ModelPackageGroupName"] == NAME for group in found):
        return Item("model package group", NAME, "found")
    sagemaker.create_model_package_group(
        ModelPackageGroupName=NAME,
        ModelPackageGroupDescription="Models that count the items in a photograph of one bin.",
        Tags=[{"Key": "project", "Value": NAME}],
    )
    return Item("model package group", NAME, "made")


def holds_current_code(session: "boto3.Session") -> bool:
    """Whether the function that promotes runs `model_registry/` as it is here.

    Args:
        session: The target's session.

    Raises:
        SetupError: There is no such function, or these credentials may not look at it.
    """
    with _explained("lambda"):
        client = session.client("lambda")
        try:
            found = client.get_function_configuration(FunctionName=FUNCTION)
        except client.exceptions.ResourceNotFoundException:
            raise SetupError(f"There is no Lambda function {FUNCTION}.") from None
    return bool(found["CodeSha256"] == _sha(package()))


def _function(session: "boto3.Session", settings: Settings) -> Item:
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


def _rule(session: "boto3.Session", settings: Settings) -> Item:
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


def _permission(session: "boto3.Session", settings: Settings) -> Item:
    client = session.client("lambda")
    name = f"{RULE} may invoke {FUNCTION}"
    rule = f"arn:aws:events:{settings.region}:{settings.account}:rule/{RULE}"
    try:
        policy = json.loads(client.get_policy(FunctionName=FUNCTION)["Policy"])
        # CloudFormation chooses a name of its own for the statement, so its content is looked at.
        if any(rule in json.dumps(statement) for statement in policy["Statement"]):
            return Item("permission", name, "found")
    except client.exceptions.ResourceNotFoundException:
        # A function that nobody else may invoke has no policy at all.
        policy = None
    client.add_permission(
        FunctionName=FUNCTION,
        StatementId=RULE,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    return Item("permission", name, "made")


def _function_arn(settings: Settings) -> str:
    return f"arn:aws:lambda:{settings.region}:{settings.account}:function:{FUNCTION}"


def _error_code(call: Callable[[], Any]) -> str | None:
    """The code of the error that a look-up ends with when the thing is not there; None: it is.

    Raises:
        ClientError: Any other error.
    """
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        if code in ("404", "403", "NoSuchBucket", "NoSuchKey", "NotFound", "NoSuchEntity"):
            return code
        raise
    return None


@contextmanager
def _explained(service: str) -> Iterator[None]:
    """Say which permission is missing, instead of a traceback."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if "AccessDenied" in code or code in ("403", "UnauthorizedOperation"):
            raise SetupError(
                f"A permission is missing: {service}:{error.operation_name}. ({message})\n"
                "Sign in with a role that has it, or have an administrator create everything with "
                "infrastructure/tally.yaml: then only start, stop and read are needed."
            ) from None
        raise SetupError(
            f"{service}:{error.operation_name} failed with {code}: {message}"
        ) from None
    except BotoCoreError as error:
        raise SetupError(f"{service} cannot be reached: {error}") from None
