"""Lambda functions, what may invoke them, and what becomes of events that they give up."""

import base64
import hashlib
import io
import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

from pipelines.provisioning.item import Item, State
from pipelines.provisioning.kinds.kind import Attached, Described, Document, Kind, Resource, tag_map
from pipelines.root import ROOT
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3
    from types_boto3_lambda import LambdaClient

# A new role is not known everywhere at once; AWS says to try again.
ROLE_WAIT_SECONDS = 60


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


def sha(code: bytes) -> str:
    """The hash of a function's code as Lambda reports it."""
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


class Function(Kind):
    """A function with the template's configuration and the code of `model_registry/`."""

    word, service, named, arn = "Lambda function", "lambda", "FunctionName", "function:{}"

    def ensure(self, session: "boto3.Session", settings: Settings, resource: Resource) -> Item:
        """Create the function, or update its configuration and code."""
        client, code, name = session.client("lambda"), package(), resource.name
        wanted: Document = {
            key: value for key, value in resource.properties.items() if key not in ("Code", "Tags")
        }
        try:
            current: Any = client.get_function_configuration(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            _create(client, wanted, code, tag_map(resource.properties["Tags"]))
            return Item(self.word, name, "created")
        state: State = "exists"
        if any(current.get(key) != value for key, value in wanted.items()):
            client.update_function_configuration(**wanted)
            # Lambda accepts one change of a function at a time.
            client.get_waiter("function_updated_v2").wait(FunctionName=name)
            state = "updated"
        if current["CodeSha256"] != sha(code):
            client.update_function_code(FunctionName=name, ZipFile=code)
            state = "updated"
        return Item(self.word, name, state)

    def exists(self, session: "boto3.Session", resource: Resource) -> bool:
        """Whether the function is there."""
        client = session.client("lambda")
        try:
            client.get_function_configuration(FunctionName=resource.name)
        except client.exceptions.ResourceNotFoundException:
            return False
        return True

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the function, with its permissions."""
        session.client("lambda").delete_function(FunctionName=resource.name)


class Permission(Attached):
    """The permission of a rule or another caller to invoke a function."""

    word, service, named = "permission", "lambda", "FunctionName"

    def ensure(self, session: "boto3.Session", settings: Settings, resource: Resource) -> Item:
        """Add the permission."""
        source = resource.properties["SourceArn"]
        caller = source.replace("/", ":").rsplit(":", 1)[1]
        described = f"{caller} may invoke {resource.name}"
        if self.exists(session, resource):
            return Item(self.word, described, "exists")
        session.client("lambda").add_permission(StatementId=caller, **resource.properties)
        return Item(self.word, described, "created")

    def exists(self, session: "boto3.Session", resource: Resource) -> bool:
        """Whether the function's policy has the caller."""
        client = session.client("lambda")
        try:
            policy = json.loads(client.get_policy(FunctionName=resource.name)["Policy"])
        except client.exceptions.ResourceNotFoundException:
            return False  # a function that nobody else may invoke has no policy
        # CloudFormation gives the statement a name of its own, so its content is compared.
        source = resource.properties["SourceArn"]
        return any(source in json.dumps(statement) for statement in policy["Statement"])


class InvokeConfig(Attached, Described):
    """How often an event is tried again, and where it goes in the end."""

    word, service, named = "event retries", "lambda", "FunctionName"

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The configuration of the function."""
        client = session.client("lambda")
        wanted = resource.properties
        try:
            response: Any = client.get_function_event_invoke_config(
                FunctionName=wanted["FunctionName"], Qualifier=wanted["Qualifier"]
            )
        except client.exceptions.ResourceNotFoundException:
            return None
        return {**response, "FunctionName": resource.name, "Qualifier": wanted["Qualifier"]}

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Put the whole configuration."""
        session.client("lambda").put_function_event_invoke_config(**request)


def _create(
    client: "LambdaClient", wanted: dict[str, Any], code: bytes, tags: dict[str, str]
) -> None:
    deadline = time.monotonic() + ROLE_WAIT_SECONDS
    while True:
        try:
            client.create_function(**wanted, Code={"ZipFile": code}, Tags=tags)
            return
        except client.exceptions.InvalidParameterValueException as error:
            if "assume" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(3)
