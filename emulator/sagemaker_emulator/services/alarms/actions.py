"""What alarms do when their state changes: messages to SNS topics, sent as a client sends them."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Sequence
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services.alarms import history
from sagemaker_emulator.services.alarms.messages import message, subject
from sagemaker_emulator.storage.store import Document

_KIND = "alarm-action"
_RETRY_SECONDS = 1.0
# The actions of a state, by the member that names them.
_MEMBERS = {
    "OK": "OKActions",
    "ALARM": "AlarmActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}
_log = logging.getLogger("emulator.alarms")


class Actions:
    """The actions of one server's alarms: kept on disk until they are done."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stopping = threading.Event()

    def start(self) -> None:
        """Run what the previous server had not yet run."""
        for action in self._context.store.list(_KIND):
            self._begin(action["Id"])

    def stop(self) -> None:
        """Leave what has not been run for the next server."""
        self._stopping.set()

    def begin(self, old: Document, new: Document) -> None:
        """Run the actions of a new state, soon; it may be called in a transaction."""
        if not new["ActionsEnabled"]:
            return
        arns: Sequence[str] = new.get(_MEMBERS[new["StateValue"]], [])
        for arn in arns:
            action = {
                "Id": str(uuid.uuid4()),
                "AlarmName": new["AlarmName"],
                "Arn": arn,
                "Subject": subject(new),
                "Message": json.dumps(message(self._context, old, new)),
            }
            self._context.store.put(_KIND, action["Id"], action)
            self._begin(action["Id"])

    def _begin(self, identity: str) -> None:
        threading.Thread(target=self._run, args=(identity,), daemon=True).start()

    def _run(self, identity: str) -> None:
        """Try until the topic has it, refuses it, or the server stops."""
        while not self._stopping.wait(0.05):  # the transaction that keeps it may be open
            action = self._context.store.get(_KIND, identity)
            if action is None:
                return
            refusal = self._publish(action)
            if refusal is None:
                self._stopping.wait(_RETRY_SECONDS)
                continue
            done = "Failed to execute" if refusal else "Successfully executed"
            summary = f"{done} action {action['Arn']}"
            if refusal:
                _log.error("alarm %s: %s: %s", action["AlarmName"], summary, refusal)
            with self._context.store.transaction():
                self._context.store.delete(_KIND, identity)
                data = {"actionState": "Failed" if refusal else "Succeeded", "error": refusal}
                history.add(self._context, action["AlarmName"], "Action", summary, data)
            return

    def _publish(self, action: Document) -> str | None:
        """Why the topic refuses a message; empty if it has it, None if it could not be asked."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        client: Any = boto3.client(
            "sns",
            endpoint_url=self._context.url,
            region_name=self._context.region,
            aws_access_key_id=self._context.credentials.access_key_id,
            aws_secret_access_key=self._context.credentials.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}),
        )
        try:
            client.publish(
                TopicArn=action["Arn"], Subject=action["Subject"], Message=action["Message"]
            )
        except ClientError as problem:
            status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return str(problem) if status < 500 else None
        except BotoCoreError:  # this server does not listen yet
            return None
        return ""
