"""What SageMaker fills in where a request leaves it out, as Describe shows it.

Sources: "default" in the API reference, and the responses that issues of AWS's SDKs, of Terraform's
provider and of ACK quote; InitialVariantWeight is from its reference ("defaults to 1.0").
"""

from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context

# A nested object or list item gets its defaults where the request has it. `Whole` is filled in
# whole where it is missing.
Defaults = dict[str, Any]
DAY = 86400


class Whole(dict[str, Any]):
    """An object that is there although the request has none."""


_CONTAINER: Defaults = {"Mode": "SingleModel"}
MODEL: Defaults = {
    "EnableNetworkIsolation": False,
    "PrimaryContainer": _CONTAINER,
    "Containers": _CONTAINER,
}
_VARIANT: Defaults = {"InitialVariantWeight": 1.0}
ENDPOINT_CONFIG: Defaults = {"ProductionVariants": _VARIANT, "ShadowProductionVariants": _VARIANT}
JOBS: dict[str, Defaults] = {
    "training-job": {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        "InputDataConfig": {"CompressionType": "None", "RecordWrapperType": "None"},
        "OutputDataConfig": {"KmsKeyId": "", "CompressionType": "GZIP"},
        "StoppingCondition": Whole(MaxRuntimeInSeconds=DAY),
    },
    "processing-job": {
        "StoppingCondition": Whole(MaxRuntimeInSeconds=DAY),
        "ProcessingInputs": {
            "AppManaged": False,
            "S3Input": {
                "S3DataDistributionType": "FullyReplicated",
                "S3CompressionType": "None",
            },
        },
        "ProcessingOutputConfig": {"Outputs": {"AppManaged": False}},
    },
    "transform-job": {
        "TransformInput": {"CompressionType": "None", "SplitType": "None"},
        "TransformOutput": {"AssembleWith": "None", "KmsKeyId": ""},
        "DataProcessing": Whole(InputFilter="$", OutputFilter="$", JoinSource="None"),
    },
}


def fill(document: Mapping[str, Any], defaults: Defaults) -> dict[str, Any]:
    """A document with what it lacks of the defaults; an item of a list gets its own."""
    filled = dict(document)
    for key, default in defaults.items():
        value = filled.get(key)
        if isinstance(default, dict) and isinstance(value, list):
            filled[key] = [fill(item, default) for item in value]
        elif isinstance(default, dict) and isinstance(value, Mapping):
            filled[key] = fill(value, default)
        elif value is None and (isinstance(default, Whole) or not isinstance(default, dict)):
            filled[key] = dict(default) if isinstance(default, Whole) else default
    return filled


def with_user(context: Context, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with who created and changed it: there is one caller, the role `emulator`."""
    session = f"arn:aws:sts::{context.account}:assumed-role/emulator/emulator"
    user = {"IamIdentity": {"Arn": session, "PrincipalId": "AROAEMULATOR:emulator"}}
    return {"CreatedBy": user, "LastModifiedBy": user, **document}
