"""What could not be delivered, sent to the SQS queue that a function or a target names for it."""

import logging
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from sagemaker_emulator.aws.context import Context

_KIND = "dead-letter"
_RETRY_SECONDS = 1.0
_MAX_ATTRIBUTE = 1024  # characters of an error's message
_log = logging.getLogger("emulator.dead_letters")


class DeadLetters:
    """The letters of one server: kept on disk until the queue has them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stopping = threading.Event()

    def start(self) -> None:
        """Send what the previous server had not yet sent."""
        for letter in self._context.store.list(_KIND):
            self._begin(letter["Id"])

    def stop(self) -> None:
        """Leave what has not been sent for the next server."""
        self._stopping.set()

    def send(self, queue: str, body: str, attributes: Mapping[str, str | int]) -> None:
        """Send a letter, soon; it may be called in a transaction.

        Args:
            queue: the ARN of the SQS queue.
            body: what could not be delivered.
            attributes: why, by AWS's names.
        """
        identity = str(uuid.uuid4())
        letter = {"Id": identity, "Queue": queue, "Body": body, "Attributes": dict(attributes)}
        self._context.store.put(_KIND, identity, letter)
        self._begin(identity)

    def _begin(self, identity: str) -> None:
        threading.Thread(target=self._send, args=(identity,), daemon=True).start()

    def _send(self, identity: str) -> None:
        """Try until the queue has it, refuses it, or the server stops."""
        while not self._stopping.wait(0.05):  # the transaction that keeps it may be open
            letter = self._context.store.get(_KIND, identity)
            if letter is None:
                return
            refusal = self._try(letter)
            if refusal is not None:
                if refusal:
                    _log.error("%s refused a dead letter: %s", letter["Queue"], refusal)
                self._context.store.delete(_KIND, identity)
                return
            self._stopping.wait(_RETRY_SECONDS)

    def _try(self, letter: Mapping[str, Any]) -> str | None:
        """Why the queue refuses a letter; empty if it has it, None if it could not be asked."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._context.client_environment
        session = boto3.session.Session(
            aws_access_key_id=client["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=client["AWS_SECRET_ACCESS_KEY"],
            region_name=self._context.region,
        )
        sqs = session.client(
            "sqs", endpoint_url=self._context.url, config=Config(retries={"total_max_attempts": 1})
        )
        account, name = letter["Queue"].split(":")[4:6]
        try:
            queue = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            sqs.send_message(
                QueueUrl=queue,
                MessageBody=letter["Body"],
                MessageAttributes={
                    key: {
                        "StringValue": str(value)[:_MAX_ATTRIBUTE],
                        "DataType": "Number" if isinstance(value, int) else "String",
                    }
                    for key, value in letter["Attributes"].items()
                },
            )
        except ClientError as problem:
            status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return str(problem) if status < 500 else None
        except BotoCoreError:  # this server does not listen yet
            return None
        return ""
