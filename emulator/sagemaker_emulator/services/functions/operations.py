"""Lambda: the operations on functions, and Invoke."""

from __future__ import annotations

import base64
import json
import shutil
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.pages import cut
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import invocation
from sagemaker_emulator.services.functions.function import (
    FUNCTION,
    code_folder,
    function_arn,
    get,
    invalid_value,
    name_in,
    read_archive,
    unpack_code,
)
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

_CONFIGURED = ("Handler", "Role", "Description", "Timeout", "MemorySize", "Environment", "Runtime")


@operation("CreateFunction", "lambda")
def create_function(context: Context, request: types.CreateFunctionRequestTypeDef) -> Response:
    """Create a function and unpack its code."""
    name = name_in(request["FunctionName"])
    runtime = request.get("Runtime", "")
    if request.get("PackageType", "Zip") != "Zip" or not runtime.startswith("python"):
        raise invalid_value(
            f"only Zip functions with a python runtime are run here, not '{runtime}'"
        )
    if not request.get("Handler"):
        raise invalid_value("Handler is needed: module.function")
    taken = ApiError("ResourceConflictException", f"Function already exist: {name}", 409)
    if context.store.get(FUNCTION, name):
        raise taken
    document = {
        "Timeout": 3,
        "MemorySize": 128,
        "Description": "",
        **_configuration(request),
        **unpack_code(context, name, read_archive(context, request["Code"])),
        "FunctionName": name,
        "FunctionArn": function_arn(context, name),
        "PackageType": "Zip",
        "Architectures": request.get("Architectures", ["x86_64"]),
        "Version": "$LATEST",
        "State": "Active",
        "Tags": request.get("Tags", {}),
        "Statements": [],
    }
    if not context.store.create(FUNCTION, name, _modified(document)):  # created meanwhile
        raise taken
    return document


@operation("GetFunction", "lambda")
def get_function(context: Context, request: types.GetFunctionRequestTypeDef) -> Response:
    """A function's configuration, where its code is, and its tags."""
    function = get(context, request["FunctionName"])
    location = code_folder(context, function).as_uri()
    result = {"Configuration": function, "Code": {"RepositoryType": "S3", "Location": location}}
    return result | ({"Tags": function["Tags"]} if function["Tags"] else {})


@operation("GetFunctionConfiguration", "lambda")
def get_configuration(
    context: Context, request: types.GetFunctionConfigurationRequestTypeDef
) -> Response:
    """A function's configuration."""
    return get(context, request["FunctionName"])


@operation("ListFunctions", "lambda")
def list_functions(context: Context, request: types.ListFunctionsRequestTypeDef) -> Response:
    """All functions, in the order of their creation."""
    functions = context.store.list(FUNCTION)
    page, token = cut(functions, request.get("Marker"), request.get("MaxItems", 50))
    return {"Functions": page, "NextMarker": token}


@operation("UpdateFunctionCode", "lambda")
def update_code(context: Context, request: types.UpdateFunctionCodeRequestTypeDef) -> Response:
    """Replace a function's code; invocations under way finish with the old."""
    function = get(context, request["FunctionName"])
    fields = unpack_code(context, function["FunctionName"], read_archive(context, request))
    return context.store.update(FUNCTION, function["FunctionName"], **_modified(fields))


@operation("UpdateFunctionConfiguration", "lambda")
def update_configuration(
    context: Context, request: types.UpdateFunctionConfigurationRequestTypeDef
) -> Response:
    """Change the members in the request; the rest stays."""
    name = get(context, request["FunctionName"])["FunctionName"]
    return context.store.update(FUNCTION, name, **_modified(_configuration(request)))


@operation("DeleteFunction", "lambda")
def delete_function(context: Context, request: types.DeleteFunctionRequestTypeDef) -> Response:
    """Forget a function and its code."""
    function = get(context, request["FunctionName"])
    context.store.delete(FUNCTION, function["FunctionName"])
    shutil.rmtree(context.state / "functions" / function["FunctionName"], ignore_errors=True)
    return {"StatusCode": 204}


@operation("Invoke", "lambda")
def invoke_function(context: Context, request: types.InvocationRequestTypeDef) -> Response:
    """Run a function now (RequestResponse), soon (Event) or not at all (DryRun)."""
    try:
        payload = json.loads(cast(bytes, request.get("Payload")) or b"{}")
    except ValueError as problem:
        message = f"Could not parse request body into json: {problem}"
        raise ApiError("InvalidRequestContentException", message) from None
    function = get(context, request["FunctionName"])
    kind = request.get("InvocationType", "RequestResponse")
    if kind == "DryRun":
        return {"StatusCode": 204}
    if kind == "Event":
        context.functions.invoke_later(function["FunctionArn"], payload)
        return {"StatusCode": 202, "Payload": b""}
    outcome = invocation.run(context, function, payload)
    result: Document = {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    result["Payload"] = json.dumps(outcome.payload).encode()
    if outcome.failed:
        result["FunctionError"] = "Unhandled"
    if request.get("LogType") == "Tail":
        tail = "\n".join(outcome.lines).encode()[-4096:]
        result["LogResult"] = base64.b64encode(tail).decode()
    return result


def _configuration(request: Mapping[str, Any]) -> Document:
    return {key: request[key] for key in _CONFIGURED if key in request}


def _modified(fields: Document) -> Document:
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())
    fields |= {"LastModified": when, "RevisionId": str(uuid.uuid4())}
    return fields | {"LastUpdateStatus": "Successful"}
