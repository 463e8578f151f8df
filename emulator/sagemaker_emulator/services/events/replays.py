"""EventBridge: replays, which send the events of an archive to their bus again.

A replay runs in a thread of its own. One that a server's end has cut off is FAILED; what it had
sent by then was delivered.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.aws.dispatch import Response, operation
from sagemaker_emulator.errors import ApiError, invalid
from sagemaker_emulator.services.events.archives import ARCHIVE, events_of, filtered
from sagemaker_emulator.services.events.pages import page
from sagemaker_emulator.services.events.rule import bus_in
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from types_boto3_events import type_defs as types

_REPLAY = "event-replay"
_LIVING = ("STARTING", "RUNNING", "CANCELLING")
# The replays that run in this process, each with what stops it; by the state folder and the name.
_running: dict[tuple[str, str], threading.Event] = {}
_log = logging.getLogger("emulator.events")


@operation(
    "StartReplay",
    "events",
    honours=(
        *("ReplayName", "Description", "EventSourceArn", "EventStartTime", "EventEndTime"),
        *("Destination.Arn", "Destination.FilterArns"),
    ),
)
def start_replay(context: Context, request: types.StartReplayRequestTypeDef) -> Response:
    """Send the archived events of a time to their bus, in the order in which they were kept."""
    name, target = request["ReplayName"], request["Destination"]["Arn"]
    if ":event-bus/" not in target:
        reason = "Reason: Must contain an event bus ARN."
        raise invalid(f"Parameter Destination.Arn is not valid. {reason}")
    bus = bus_in(context, {"EventBusName": target})
    archive = context.store.get(ARCHIVE, request["EventSourceArn"].rpartition(":archive/")[2])
    if archive is None or archive["ArchiveArn"] != request["EventSourceArn"]:
        missing = request["EventSourceArn"].rpartition("/")[2]
        reason = f"Reason: Archive {missing} does not exist."
        raise invalid(f"Parameter EventSourceArn is not valid. {reason}")
    if archive["EventSourceArn"] != target:
        reason = "Reason: Cross event bus replay is not permitted."
        raise invalid(f"Parameter Destination.Arn is not valid. {reason}")
    times: Mapping[str, Any] = request  # seconds since the epoch by now
    if times["EventStartTime"] > times["EventEndTime"]:
        reason = "Reason: EventStartTime must be before EventEndTime."
        raise invalid(f"Parameter EventEndTime is not valid. {reason}")
    replay: Document = {
        **request,
        "ReplayArn": context.arn("replay", name, "events"),
        "State": "STARTING",
        "ReplayStartTime": time.time(),
    }
    if not context.store.create(_REPLAY, name, replay):
        message = f"Replay {name} already exists."
        raise ApiError("ResourceAlreadyExistsException", message)
    stopped = _running[str(context.state), name] = threading.Event()
    threading.Thread(
        target=_run, args=(context, replay, archive, bus, stopped), daemon=True
    ).start()
    return replay


@operation("DescribeReplay", "events", honours=("ReplayName",))
def describe_replay(context: Context, request: types.DescribeReplayRequestTypeDef) -> Response:
    """A replay and its state."""
    return _get(context, request["ReplayName"])


@operation(
    "ListReplays",
    "events",
    honours=("NamePrefix", "State", "EventSourceArn", "NextToken", "Limit"),
)
def list_replays(context: Context, request: types.ListReplaysRequestTypeDef) -> Response:
    """Replays by name."""
    replays = [_current(context, each) for each in context.store.list(_REPLAY)]
    found = filtered("ListReplays", request, replays, "ReplayName")
    return page("ListReplays", request, "Replays", found, "ReplayName")


@operation("CancelReplay", "events", honours=("ReplayName",))
def cancel_replay(context: Context, request: types.CancelReplayRequestTypeDef) -> Response:
    """Stop a replay before its next event."""
    name = request["ReplayName"]
    with context.store.transaction():
        replay = _get(context, name)
        if replay["State"] not in ("STARTING", "RUNNING"):
            message = f"Replay {name} is not in a valid state for this operation."
            raise ApiError("IllegalStatusException", message)
        _running[str(context.state), name].set()
        return context.store.update(_REPLAY, name, State="CANCELLING")


def _run(
    context: Context, replay: Document, archive: Document, bus: str, stopped: threading.Event
) -> None:
    """Send the events of a replay; its last state is written whatever happens."""
    name, state = replay["ReplayName"], "FAILED"
    rules = replay["Destination"].get("FilterArns")
    try:
        context.store.update(_REPLAY, name, State="RUNNING")
        for event in events_of(context, archive):
            when = datetime.fromisoformat(event["time"]).timestamp()
            if stopped.is_set():
                break
            if replay["EventStartTime"] <= when < replay["EventEndTime"]:
                context.events.replay({**event, "replay-name": name}, bus, rules)
                context.store.update(_REPLAY, name, EventLastReplayedTime=when)
        state = "CANCELLED" if stopped.is_set() else "COMPLETED"
    except Exception:
        _log.exception("replay %s", name)
    finally:
        try:
            context.store.update(_REPLAY, name, State=state, ReplayEndTime=time.time())
        finally:  # on a full disk, too: what does not run and has not ended is FAILED
            del _running[str(context.state), name]


def _get(context: Context, name: str) -> Document:
    replay = context.store.get(_REPLAY, name)
    if replay is None:
        raise ApiError("ResourceNotFoundException", f"Replay {name} does not exist.")
    return _current(context, replay)


def _current(context: Context, replay: Document) -> Document:
    """A replay as it is now, FAILED if the server that ran it has ended."""
    name = replay["ReplayName"]
    if replay["State"] in _LIVING and (str(context.state), name) not in _running:
        # What ended since it was read has written how.
        replay = context.store.get(_REPLAY, name) or replay
        if replay["State"] in _LIVING:
            reason = "The emulator ended before the replay did, or could not keep how it ended."
            return replay | {"State": "FAILED", "StateReason": reason}
    return replay
