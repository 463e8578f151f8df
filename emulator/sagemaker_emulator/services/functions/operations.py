"""Lambda: functions, who may call them, and their invocation."""

import base64
import hashlib
import io
import json
import logging
import shutil
import threading
import time
import uuid
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sagemaker_emulator.aws.dispatch import Context, operation, peer
from sagemaker_emulator.aws.pages import cut
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import invocation as lambda_process

_log = logging.getLogger("emulator.lambda")
_KIND = "function"
_CONFIGURED = ("Handler", "Role", "Description", "Timeout", "MemorySize", "Environment", "Runtime")
# AWS waits one and two minutes before it tries an asynchronous invocation again.
_RETRY_AFTER = (1.0, 2.0)
_stopping = threading.Event()


def start(context: Context) -> None:
    """Take up the asynchronous invocations that the last server had accepted."""
    _stopping.clear()
    for invocation in context.store.list("invocation"):
        _background(context, invocation["Id"])


def stop(context: Context) -> None:
    """Leave what has not been delivered for the next server."""
    _stopping.set()


@operation("CreateFunction", "lambda")
def create_function(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a function and unpack its code."""
    name = _name(request["FunctionName"])
    runtime = request.get("Runtime", "")
    if request.get("PackageType", "Zip") != "Zip" or not runtime.startswith("python"):
        raise _wrong(f"only Zip functions with a python runtime are run here, not '{runtime}'")
    if not request.get("Handler"):
        raise _wrong("Handler is needed: module.function")
    taken = ApiError("ResourceConflictException", f"Function already exist: {name}", 409)
    if context.store.get(_KIND, name):
        raise taken
    document = {
        "Timeout": 3,
        "MemorySize": 128,
        "Description": "",
        **{key: request[key] for key in _CONFIGURED if key in request},
        **_unpack(context, name, _archive(context, request["Code"])),
        "FunctionName": name,
        "FunctionArn": f"arn:aws:lambda:{context.region}:{context.account}:function:{name}",
        "PackageType": "Zip",
        "Architectures": request.get("Architectures", ["x86_64"]),
        "Version": "$LATEST",
        "State": "Active",
        "Tags": request.get("Tags", {}),
        "Statements": [],
    }
    if not context.store.create(_KIND, name, _modified(document)):  # made meanwhile
        raise taken
    return document


@operation("GetFunction", "lambda")
def get_function(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A function's configuration, where its code lies, and its tags."""
    function = _get(context, request["FunctionName"])
    location = _folder(context, function).as_uri()
    result = {"Configuration": function, "Code": {"RepositoryType": "S3", "Location": location}}
    return result | ({"Tags": function["Tags"]} if function["Tags"] else {})


@operation("GetFunctionConfiguration", "lambda")
def get_function_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A function's configuration."""
    return _get(context, request["FunctionName"])


@operation("ListFunctions", "lambda")
def list_functions(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """All functions, in the order of their creation."""
    functions = context.store.list(_KIND)
    found, token = cut(functions, request.get("Marker"), request.get("MaxItems", 50))
    return {"Functions": found, "NextMarker": token}


@operation("UpdateFunctionCode", "lambda")
def update_function_code(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Exchange a function's code; invocations under way finish with the old."""
    function = _get(context, request["FunctionName"])
    fields = _unpack(context, function["FunctionName"], _archive(context, request))
    return context.store.update(_KIND, function["FunctionName"], **_modified(fields))


@operation("UpdateFunctionConfiguration", "lambda")
def update_function_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Change what was given; the rest stays."""
    name = _get(context, request["FunctionName"])["FunctionName"]
    changes = {key: request[key] for key in _CONFIGURED if key in request}
    return context.store.update(_KIND, name, **_modified(changes))


@operation("DeleteFunction", "lambda")
def delete_function(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a function and its code."""
    function = _get(context, request["FunctionName"])
    context.store.delete(_KIND, function["FunctionName"])
    shutil.rmtree(context.state / "functions" / function["FunctionName"], ignore_errors=True)
    return {"StatusCode": 204}


@operation("AddPermission", "lambda")
def add_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Let a principal, such as events.amazonaws.com, invoke a function."""
    function = _get(context, request["FunctionName"])
    sid, principal = request["StatementId"], request["Principal"]
    statement: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": principal} if "." in principal else {"AWS": principal},
        "Action": request["Action"],
        "Resource": function["FunctionArn"],
    }
    if "SourceArn" in request:
        statement["Condition"] = {"ArnLike": {"AWS:SourceArn": request["SourceArn"]}}
    with context.store.transaction():
        statements = _get(context, request["FunctionName"])["Statements"]
        if any(each["Sid"] == sid for each in statements):
            message = f"The statement id ({sid}) provided already exists."
            raise ApiError("ResourceConflictException", message, 409)
        statements.append(statement)
        context.store.update(_KIND, function["FunctionName"], Statements=statements)
    return {"Statement": json.dumps(statement)}


@operation("RemovePermission", "lambda")
def remove_permission(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Take a permission back."""
    with context.store.transaction():
        function = _get(context, request["FunctionName"])
        kept = [each for each in function["Statements"] if each["Sid"] != request["StatementId"]]
        if len(kept) == len(function["Statements"]):
            raise _missing(f"Statement {request['StatementId']} is not found in resource policy.")
        context.store.update(_KIND, function["FunctionName"], Statements=kept)
    return {}


@operation("GetPolicy", "lambda")
def get_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Who may invoke a function."""
    function = _get(context, request["FunctionName"])
    if not function["Statements"]:
        raise _missing("The resource you requested does not exist.")
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": function["Statements"]}
    return {"Policy": json.dumps(policy), "RevisionId": function["RevisionId"]}


@operation("Invoke", "lambda")
def invoke_function(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Run a function now (RequestResponse), soon (Event) or not at all (DryRun)."""
    try:
        payload = json.loads(request.get("Payload") or b"{}")
    except ValueError as problem:
        message = f"Could not parse request body into json: {problem}"
        raise ApiError("InvalidRequestContentException", message) from None
    function = _get(context, request["FunctionName"])
    kind = request.get("InvocationType", "RequestResponse")
    if kind == "DryRun":
        return {"StatusCode": 204}
    if kind == "Event":
        invoke_later(context, function["FunctionArn"], payload)
        return {"StatusCode": 202, "Payload": b""}
    outcome = lambda_process.run(context, function, _folder(context, function), payload)
    result = {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": outcome.payload}
    if outcome.failed:
        result["FunctionError"] = "Unhandled"
    if request.get("LogType") == "Tail":
        tail = "\n".join(outcome.lines).encode()[-4096:]
        result["LogResult"] = base64.b64encode(tail).decode()
    return result


@peer("invoke_lambda")
def invoke(context: Context, name: str, payload: Any) -> dict[str, Any]:
    """Run a function to its end; see `Context.invoke_lambda`."""
    request = {"FunctionName": name, "Payload": json.dumps(payload).encode()}
    result = invoke_function(context, request)
    return {**result, "Payload": json.loads(result["Payload"])}


def invoke_later(context: Context, name: str, payload: Any) -> None:
    """Accept an asynchronous invocation: kept on disk, tried three times in the background."""
    identity = str(uuid.uuid4())
    invocation = {"Id": identity, "FunctionName": name, "Payload": payload, "Attempts": 0}
    context.store.put("invocation", identity, invocation)
    _background(context, identity)


def permits(context: Context, name: str, principal: str, source: str) -> bool:
    """Whether a function's policy lets a service invoke it on behalf of a resource."""
    for statement in _get(context, name)["Statements"]:
        condition = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*")
        if statement["Principal"].get("Service") == principal and fnmatchcase(source, condition):
            return True
    return False


def _background(context: Context, identity: str) -> None:
    threading.Thread(target=_deliver, args=(context, identity), daemon=True).start()


def _deliver(context: Context, identity: str) -> None:
    """Try an accepted invocation until it succeeds, three tries failed, or the server stops."""
    while not _stopping.is_set():
        invocation = context.store.get("invocation", identity)
        if invocation is None:
            return
        group = f"/aws/lambda/{_name(invocation['FunctionName'])}"
        try:
            result = invoke(context, invocation["FunctionName"], invocation["Payload"])
            problem = json.dumps(result["Payload"]) if "FunctionError" in result else None
        except ApiError as error:
            problem = str(error)
        except Exception as error:  # it is tried again, as one that failed itself
            _log.exception("the invocation of %s", invocation["FunctionName"])
            problem = f"{type(error).__name__}: {error}"
        attempts = invocation["Attempts"] + 1
        if problem is None or attempts > len(_RETRY_AFTER):
            context.store.delete("invocation", identity)
            if problem:
                line = f"asynchronous invocation given up after {attempts} tries: {problem}"
                context.log(group, "asynchronous", [line])
            return
        context.store.update("invocation", identity, Attempts=attempts)
        _stopping.wait(_RETRY_AFTER[attempts - 1])


def _get(context: Context, identifier: str) -> dict[str, Any]:
    function = context.store.get(_KIND, _name(identifier))
    if function is None:
        name = _name(identifier)
        arn = f"arn:aws:lambda:{context.region}:{context.account}:function:{name}"
        raise _missing(f"Function not found: {arn}")
    return function


def _name(identifier: str) -> str:
    """The name in a function ARN, partial ARN or name, with or without a qualifier."""
    return (identifier.partition(":function:")[2] or identifier).partition(":")[0]


def _archive(context: Context, code: dict[str, Any]) -> bytes:
    if "ZipFile" in code:
        return bytes(code["ZipFile"])
    if "S3Bucket" not in code or "S3Key" not in code:
        raise _wrong("the code is needed as ZipFile, or as S3Bucket and S3Key")
    uri = f"s3://{code['S3Bucket']}/{code['S3Key']}"
    path = context.s3.path_of(uri)
    if not path.is_file():
        raise _wrong(f"Error occurred while GetObject. There is no object {uri}.")
    return path.read_bytes()


def _unpack(context: Context, name: str, archive: bytes) -> dict[str, Any]:
    """Unpack code into a folder named by its hash; the fields that describe it."""
    digest = hashlib.sha256(archive)
    folder = context.state / "functions" / name / digest.hexdigest()[:16]
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            opened.extractall(folder)
    except zipfile.BadZipFile as problem:
        raise _wrong(f"Could not unzip uploaded file: {problem}") from None
    return {
        "CodeSha256": base64.b64encode(digest.digest()).decode(),
        "CodeSize": len(archive),
        "Folder": folder.name,
    }


def _folder(context: Context, function: dict[str, Any]) -> Path:
    return context.state / "functions" / str(function["FunctionName"]) / str(function["Folder"])


def _modified(fields: dict[str, Any]) -> dict[str, Any]:
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())
    fields |= {"LastModified": when, "RevisionId": str(uuid.uuid4())}
    return fields | {"LastUpdateStatus": "Successful"}


def _wrong(message: str) -> ApiError:
    return ApiError("InvalidParameterValueException", message)


def _missing(message: str) -> ApiError:
    return ApiError("ResourceNotFoundException", message, 404)
