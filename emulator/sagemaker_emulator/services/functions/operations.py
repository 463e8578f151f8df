"""Lambda: the operations on functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.aws.tags import check_keys
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import (
    aliases,
    code,
    code_address,
    concurrency,
    invoke_config,
    layers,
)
from sagemaker_emulator.services.functions.configuration import (
    HONOURED,
    configuration,
    defaults,
    with_defaults,
)
from sagemaker_emulator.services.functions.function import (
    ALIAS,
    FUNCTION,
    LATEST,
    VERSION,
    Name,
    check_revision,
    function_arn,
    get_version,
    invalid_value,
    modified,
    named,
)
from sagemaker_emulator.services.functions.versions import listed, publish, published
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_lambda import type_defs as types

_CODE = ("ZipFile", "S3Bucket", "S3Key")
_MAX_NAME = 64


@operation(
    "CreateFunction",
    "lambda",
    honours=(
        *HONOURED,
        *(f"Code.{member}" for member in _CODE),
        *("FunctionName", "PackageType", "Architectures", "Publish", "Tags", "Layers"),
    ),
)
def create_function(context: Context, request: types.CreateFunctionRequestTypeDef) -> Response:
    """Create a function and unpack its code; with Publish, its first version, too."""
    named_by = named(context, request)
    name = named_by.function
    if named_by.qualifier not in (None, LATEST) or len(name) > _MAX_NAME:
        raise invalid_value(
            f"1 validation error detected: Value '{request['FunctionName']}' at 'functionName' "
            f"failed to satisfy constraint: Member must have length less than or equal to "
            f"{_MAX_NAME}, and no qualifier"
        )
    if request.get("PackageType", "Zip") != "Zip" or not request.get("Runtime"):
        raise invalid_value("only Zip functions with a python runtime are run here")
    if not request.get("Handler"):
        raise invalid_value("Handler is needed: module.function")
    check_keys(request.get("Tags", {}), "InvalidParameterValueException")
    before = defaults(name)
    document = {**before, **configuration(request, before)}
    document |= _layers(context, request)
    document["Architectures"] = request.get("Architectures") or before["Architectures"]
    taken = ApiError("ResourceConflictException", f"Function already exist: {name}", 409)
    if context.store.get(FUNCTION, name):
        raise taken
    archive = code.read_archive(context, request["Code"])
    with code.changing:
        if context.store.get(FUNCTION, name):  # created meanwhile
            raise taken
        document |= {
            **code.keep(context, name, archive),
            "FunctionName": name,
            "FunctionArn": function_arn(context, name),
            "Version": LATEST,
            "State": "Active",
            "Tags": request.get("Tags", {}),
            "Statements": [],
        }
        with context.store.transaction():
            context.store.put(FUNCTION, name, modified(document))
            if request.get("Publish"):
                version = publish(context, name)
                return version | {"FunctionArn": document["FunctionArn"]}
    return document


@operation("GetFunction", "lambda", honours=("FunctionName", "Qualifier"))
def get_function(context: Context, request: types.GetFunctionRequestTypeDef) -> Response:
    """A version's configuration, where its code is, and the function's tags."""
    name = named(context, request)
    function = with_defaults(get_version(context, name))
    location = code_address.address(context, function)
    result = {"Configuration": function, "Code": {"RepositoryType": "S3", "Location": location}}
    tags = get_version(context, Name(name.function))["Tags"]
    if (reserved := concurrency.reserved(context, name.function)) is not None:
        result["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
    return result | ({"Tags": tags} if tags else {})


@operation("GetFunctionConfiguration", "lambda", honours=("FunctionName", "Qualifier"))
def get_configuration(
    context: Context, request: types.GetFunctionConfigurationRequestTypeDef
) -> Response:
    """A version's configuration."""
    return with_defaults(get_version(context, named(context, request)))


@operation("ListFunctions", "lambda", honours=("FunctionVersion", "Marker", "MaxItems"))
def list_functions(context: Context, request: types.ListFunctionsRequestTypeDef) -> Response:
    """All functions by name; with FunctionVersion ALL, their published versions, too."""
    functions = [with_defaults(each) for each in context.store.list(FUNCTION)]
    if request.get("FunctionVersion") == "ALL":
        for each in list(functions):
            each["FunctionArn"] += f":{LATEST}"
            functions += published(context, each["FunctionName"])
    return listed("ListFunctions", request, "Functions", functions)


@operation(
    "UpdateFunctionCode",
    "lambda",
    honours=(*_CODE, "FunctionName", "Architectures", "Publish", "DryRun", "RevisionId"),
)
def update_code(context: Context, request: types.UpdateFunctionCodeRequestTypeDef) -> Response:
    """Replace the code of `$LATEST`; invocations under way, and versions, keep the old."""
    name = _latest_only(context, request)
    function = with_defaults(get_version(context, name))
    check_revision(request, function, "GetFunction/GetAlias")
    archive = code.read_archive(context, request)
    changed = {"Architectures": request.get("Architectures") or function["Architectures"]}
    if request.get("DryRun"):
        code.check(context, archive)
        return function | changed | modified(code.describe(archive))
    with code.changing:
        get_version(context, name)  # it may have been deleted meanwhile
        changed |= code.keep(context, name.function, archive)
        return _update(context, request, changed, publishes=request.get("Publish", False))


@operation(
    "UpdateFunctionConfiguration",
    "lambda",
    honours=(*HONOURED, "FunctionName", "RevisionId", "Layers"),
)
def update_configuration(
    context: Context, request: types.UpdateFunctionConfigurationRequestTypeDef
) -> Response:
    """Change the members in the request; the rest stays, and so do published versions."""
    function = with_defaults(get_version(context, _latest_only(context, request)))
    changed = configuration(request, function) | _layers(context, request)
    return _update(context, request, changed)


@operation("DeleteFunction", "lambda", honours=("FunctionName", "Qualifier"))
def delete_function(context: Context, request: types.DeleteFunctionRequestTypeDef) -> Response:
    """Delete a function with all its versions and code or, with a Qualifier, one version."""
    name = named(context, request)
    if name.qualifier == LATEST:
        raise invalid_value("$LATEST version cannot be deleted without deleting the function.")
    if name.qualifier and not name.qualifier.isdigit():
        raise invalid_value("Deletion of aliases is not currently supported.")
    get_version(context, Name(name.function))
    if name.qualifier:
        with context.store.transaction():
            aliases.check_unused(context, name.function, name.qualifier)
            context.store.delete(VERSION, f"{name.function}:{name.qualifier}")
        return {"StatusCode": 204}
    with code.changing:
        with context.store.transaction():
            context.store.delete(FUNCTION, name.function)
            for version in published(context, name.function):
                context.store.delete(VERSION, f"{name.function}:{version['Version']}")
            for alias in aliases.of_function(context, name.function):
                context.store.delete(ALIAS, f"{name.function}:{alias['Name']}")
            invoke_config.delete_all(context, name.function)
            concurrency.delete(context, name.function)
        code.delete(context, name.function)
    return {"StatusCode": 204}


def _layers(
    context: Context,
    request: types.CreateFunctionRequestTypeDef | types.UpdateFunctionConfigurationRequestTypeDef,
) -> Document:
    """The layers that a request sets.

    Raises:
        ApiError: A function cannot have them.
    """
    if "Layers" not in request:
        return {}
    return {"Layers": layers.of_function(context, request["Layers"])}


def _latest_only(
    context: Context,
    request: types.UpdateFunctionCodeRequestTypeDef
    | types.UpdateFunctionConfigurationRequestTypeDef,
) -> Name:
    """The function that a request changes.

    Raises:
        ApiError: It names a published version, which never changes.
    """
    name = named(context, request)
    if name.qualifier not in (None, LATEST):
        raise invalid_value(
            f"Version {name.qualifier} of {name.function} cannot be changed; only $LATEST can."
        )
    return Name(name.function)


def _update(
    context: Context,
    request: types.UpdateFunctionCodeRequestTypeDef
    | types.UpdateFunctionConfigurationRequestTypeDef,
    changed: Document,
    publishes: bool = False,
) -> Document:
    """Write the changed members, unless another request was faster and has the RevisionId."""
    with context.store.transaction():
        name = _latest_only(context, request)
        function = with_defaults(get_version(context, name))
        check_revision(request, function, "GetFunction/GetAlias")
        context.store.update(FUNCTION, name.function, **modified(changed))
        if publishes:
            return publish(context, name.function)
        return with_defaults(get_version(context, name))
