"""CloudWatch Logs: how long a group keeps its events.

Older events are not returned from the moment on. Files that hold no others are deleted when the
retention is set and when the server starts; AWS, too, deletes later than it hides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.services.logs.common import files, folder_of, invalid, refused_if_gone
from sagemaker_emulator.services.logs.log_files import oldest_event

if TYPE_CHECKING:
    from types_boto3_logs import type_defs as types

# The documentation of PutRetentionPolicy lists them.
_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557),
    *(2922, 3288, 3653),
)


@operation("PutRetentionPolicy", "logs", honours=("logGroupName", "retentionInDays"))
def put_retention(context: Context, request: types.PutRetentionPolicyRequestTypeDef) -> Response:
    """Have a group keep its events for some days."""
    days = request["retentionInDays"]
    if days not in _DAYS:
        raise invalid(f"retentionInDays must be one of {', '.join(map(str, _DAYS))}, not {days}.")
    with refused_if_gone():
        files(context).change_group(request["logGroupName"], lambda _: {"retentionInDays": days})
        files(context).expire(request["logGroupName"])
    return {}


@operation("DeleteRetentionPolicy", "logs", honours=("logGroupName",))
def delete_retention(
    context: Context, request: types.DeleteRetentionPolicyRequestTypeDef
) -> Response:
    """Have a group keep its events for ever."""
    with refused_if_gone():
        files(context).change_group(request["logGroupName"], lambda _: {"retentionInDays": None})
    return {}


def oldest_of(context: Context, group: str) -> float:
    """The time, in seconds since the epoch, before which a group's events have expired.

    Raises:
        ApiError: There is no such group.
    """
    with refused_if_gone():
        return oldest_event(folder_of(context, group))
