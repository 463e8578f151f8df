"""The configuration of Lambda functions: what may be set, and what holds where nothing is set."""

import json
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import targets
from sagemaker_emulator.services.functions.function import invalid_value
from sagemaker_emulator.storage.store import Document

# Those that do something here.
_USED = ("Handler", "Role", "Description", "Timeout", "MemorySize", "Environment", "Runtime")
# Those that are kept and shown, and do nothing on this machine.
_SHOWN = ("KMSKeyArn", "TracingConfig", "EphemeralStorage")
# What UpdateFunctionConfiguration honours; CreateFunction honours more.
HONOURED = (
    *_USED,
    *_SHOWN,
    "DeadLetterConfig",
    "VpcConfig",
    "SnapStart",
    "LoggingConfig.LogFormat",
    "LoggingConfig.LogGroup",
)

_MAX_TIMEOUT = 900  # seconds
_MAX_ENVIRONMENT = 4096  # bytes of JSON
# Lambda's own variables, which a function cannot set.
_RESERVED = {
    *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_RUNTIME_API"),
    *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "LAMBDA_TASK_ROOT"),
    *("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_RUNTIME_DIR"),
    *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
}


def log_group(name: str) -> str:
    """The log group of a function that names none."""
    return f"/aws/lambda/{name}"


def defaults(name: str) -> Document:
    """What a function has where the request sets nothing."""
    return {
        "Timeout": 3,
        "MemorySize": 128,
        "Description": "",
        "TracingConfig": {"Mode": "PassThrough"},
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": log_group(name)},
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
    }


def with_defaults(function: Document) -> Document:
    """A function's document with what an earlier version of the emulator did not keep."""
    return {**defaults(function["FunctionName"]), **function}


def configuration(request: Mapping[str, Any], function: Mapping[str, Any]) -> Document:
    """The members of a request that change a function's configuration.

    Args:
        request: of CreateFunction or UpdateFunctionConfiguration.
        function: as it is before, with its defaults.

    Raises:
        ApiError: A member that Lambda refuses, or that cannot be honoured here.
    """
    fields: Document = {key: request[key] for key in (*_USED, *_SHOWN) if key in request}
    if "Runtime" in fields and not fields["Runtime"].startswith("python"):
        raise invalid_value(
            f"only Zip functions with a python runtime are run here, not '{fields['Runtime']}'"
        )
    if fields.get("Timeout", 0) > _MAX_TIMEOUT:
        raise ApiError(
            "ValidationException",
            f"1 validation error detected: Value '{fields['Timeout']}' at 'timeout' failed to "
            "satisfy constraint: Member must have value less than or equal to 900",
        )
    variables = fields.get("Environment", {}).get("Variables", {})
    _check_environment(variables)
    for text in (fields.get("Handler", ""), *variables.values()):
        if "\0" in text:
            raise invalid_value(f"{text!r:.100} cannot be passed to a process")
    if "VpcConfig" in request:
        vpc = request["VpcConfig"]
        fields["VpcConfig"] = {
            "SubnetIds": vpc.get("SubnetIds", []),
            "SecurityGroupIds": vpc.get("SecurityGroupIds", []),
            "VpcId": "",
            "Ipv6AllowedForDualStack": vpc.get("Ipv6AllowedForDualStack", False),
        }
    if "DeadLetterConfig" in request:
        target = request["DeadLetterConfig"].get("TargetArn", "")
        if target and targets.kind_of(target) not in ("sqs", "sns"):
            raise invalid_value(
                f"DeadLetterConfig.TargetArn '{target}' is neither an SQS queue's nor an SNS "
                "topic's: dead letters go to those only"
            )
        fields["DeadLetterConfig"] = {"TargetArn": target} if target else None
    if "SnapStart" in request:
        apply_on = request["SnapStart"].get("ApplyOn", "None")
        fields["SnapStart"] = {"ApplyOn": apply_on, "OptimizationStatus": "Off"}
    if "LoggingConfig" in request:
        logging = {**function["LoggingConfig"], **request["LoggingConfig"]}
        if logging["LogFormat"] != "Text":
            raise invalid_value("LoggingConfig.LogFormat: the emulator logs as Text only")
        fields["LoggingConfig"] = logging
    return fields


def _check_environment(variables: Mapping[str, str]) -> None:
    """Refuse variables that Lambda refuses.

    Raises:
        ApiError: It names those that are reserved, or shows what is too long.
    """
    prefix = "Lambda was unable to configure your environment variables because the environment "
    if reserved := sorted(_RESERVED & set(variables)):
        raise invalid_value(
            f"{prefix}variables you have provided contains reserved keys that are currently not "
            f"supported for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    text = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
    if len(text.encode(errors="replace")) > _MAX_ENVIRONMENT:
        raise invalid_value(
            f"{prefix}variables you have provided exceeded the 4KB limit. String measured: {text}"
        )
