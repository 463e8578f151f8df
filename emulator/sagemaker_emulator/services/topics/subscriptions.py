"""The subscribers of moto's topics, to whom messages are really delivered.

moto keeps topics, subscriptions and filter policies. What it does with a message is replaced: it
would post to any address, and run functions of its own.
"""

from __future__ import annotations

import functools
import json
import logging
import re
from collections.abc import Callable
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import targets
from sagemaker_emulator.services.topics import http_subscribers, mail, messages
from sagemaker_emulator.services.topics.messages import Published
from sagemaker_emulator.storage.store import Document

_HTTP = ("http", "https")
# SNS's own number of retries for a subscriber over HTTP; of other kinds it is greater.
_HTTP_RETRIES = 3
_FUNCTION_RETRIES = 100
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_log = logging.getLogger("emulator.topics")


class Topics:
    """The subscribers of one server's topics; all calls come from moto, with its lock held.

    Attributes:
        replays: Whether what moto is asked has been asked before: then nothing is delivered.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self.replays = False

    def check(self, protocol: str, endpoint: str) -> None:
        """Refuse a subscriber to whom nothing can be delivered here.

        Raises:
            ApiError: `InvalidParameter`; it says to whom messages are delivered.
        """
        if protocol in _HTTP:
            http_subscribers.check(endpoint)
        elif protocol == "email":
            if not _ADDRESS.fullmatch(endpoint):
                raise _invalid("Endpoint", f"{endpoint!r} is no e-mail address")
        elif protocol not in ("sqs", "lambda"):
            raise _invalid(
                "Protocol",
                f"the emulator delivers to subscribers of the protocols sqs, lambda, http, https "
                f"and email, not {protocol!r}",
            )
        elif targets.kind_of(endpoint) != protocol:
            raise _invalid("Endpoint", f"{endpoint!r} is no ARN for the protocol {protocol}")

    def ask_to_confirm(self, subscription: Any) -> None:
        """Send a new subscriber over HTTP what it has to confirm; it gets nothing before."""
        from moto.moto_api._internal import mock_random

        token = mock_random.get_random_hex(64)
        identity = str(mock_random.uuid4())
        subscription.token = token
        subscription.subscription_arn = "PendingConfirmation"  # what lists show in its place
        subscription.attributes["PendingConfirmation"] = True
        subscription.attributes["ConfirmationWasAuthenticated"] = False
        if self.replays:
            return
        document = messages.confirmation(self._context, subscription.topic.arn, identity, token)
        self._context.deliveries.send(
            subscription.endpoint,
            json.dumps(document, indent=2),
            {"Headers": messages.headers(document, None)},
            origin={"Kind": "topic", "Subscription": subscription.arn},
            most_retries=_HTTP_RETRIES,
        )

    def deliver(self, subscription: Any, published: Published) -> None:
        """Hand a message to a subscriber: a queue at once, others soon."""
        if self.replays or subscription.attributes.get("PendingConfirmation") is True:
            return
        try:
            self._deliver(subscription, published)
        except Exception as problem:  # one subscriber must not keep a message from the others
            _log.exception("%s: a message was not delivered", subscription.arn)
            if letters := self._dead_letters(subscription, published.message):
                reason = {"ERROR_MESSAGE": str(problem)}
                self._context.deliveries.send_dead_letter(letters["Arn"], letters["Body"], reason)

    def _deliver(self, subscription: Any, published: Published) -> None:
        context, endpoint, arn = self._context, subscription.endpoint, subscription.arn
        if subscription.protocol == "email":
            mail.write(context.state / "mail", endpoint, published)
            return
        document = messages.notification(context, published, arn)
        raw = str(subscription.attributes.get("RawMessageDelivery")).lower() == "true"
        if subscription.protocol == "sqs":
            self._to_queue(subscription, published, None if raw else document)
            return
        options: Document
        if subscription.protocol == "lambda":
            options = {"Permit": ["sns.amazonaws.com", published.topic]}
            body, retries = json.dumps(messages.function_event(document, arn)), _FUNCTION_RETRIES
        else:
            options = {"Headers": messages.headers(document, arn, raw)}
            body = published.message if raw else json.dumps(document, indent=2)
            retries = _HTTP_RETRIES
        context.deliveries.send(
            endpoint,
            body,
            options,
            origin={"Kind": "topic", "Subscription": arn},
            most_retries=retries,
            dead_letters=self._dead_letters(subscription, body),
        )

    def _to_queue(self, subscription: Any, published: Published, document: Document | None) -> None:
        """Put a message into a queue of moto's, whose lock is held."""
        from moto.sqs.models import sqs_backends

        context = self._context
        attributes = {}
        if document is None:
            for key, value in published.attributes.items():
                member = "BinaryValue" if value["Type"].startswith("Binary") else "StringValue"
                attributes[key] = {"DataType": value["Type"], member: value["Value"]}
        sqs_backends[context.account][context.region].send_message(
            subscription.endpoint.rpartition(":")[2],
            published.message if document is None else json.dumps(document, indent=2),
            message_attributes=attributes,
            validate_group_id=False,
            group_id=subscription.group_id,
            deduplication_id=subscription.deduplication_id,
        )

    def _dead_letters(self, subscription: Any, body: str) -> Document:
        """Where what a subscriber does not take goes, as its RedrivePolicy has it."""
        policy = json.loads(subscription.attributes.get("RedrivePolicy") or "{}")
        arn = policy.get("deadLetterTargetArn")
        return {"Arn": arn, "Body": body, "Attributes": {}} if arn else {}


# A process has one moto; its topics are those of the server that joined last.
_joined: list[Topics] = []


def join(context: Context) -> Topics:
    """Have moto deliver to a server's subscribers."""
    _replace()
    _joined[:] = [Topics(context)]
    return _joined[0]


@functools.cache
def _replace() -> None:
    """Replace what moto does at Publish, Subscribe and ConfirmSubscription, once in a process."""
    from moto.core.responses import ActionResult
    from moto.sns import models, responses
    from moto.sns.exceptions import InvalidParameterValue, SNSInvalidParameter

    subscribe = models.SNSBackend.subscribe
    respond = responses.SNSResponse.subscribe

    def checked(backend: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
        try:
            _joined[0].check(protocol, endpoint)
        except ApiError as problem:
            raise SNSInvalidParameter(problem.message) from None
        known = backend._find_subscription(topic_arn, endpoint, protocol)
        subscription = subscribe(backend, topic_arn, endpoint, protocol)
        if known is None and protocol in _HTTP:
            _joined[0].ask_to_confirm(subscription)
        return subscription

    def publish(subscription: Any, message: str, message_id: str, **about: Any) -> None:
        attributes = about.get("message_attributes") or {}
        matcher = subscription._filter_policy_matcher
        if matcher is not None and not matcher.matches(attributes, message):
            return
        if about.get("message_structure") == "json":
            message = subscription._parse_message_structure(message, subscription.protocol)
        subscription.group_id = about.get("group_id")
        subscription.deduplication_id = about.get("deduplication_id")
        topic = subscription.topic.arn
        published = Published(topic, message_id, message, about.get("subject"), attributes)
        _joined[0].deliver(subscription, published)

    def subscribed(response: Any) -> Any:
        result: Any = respond(response)
        arn = result.result["SubscriptionArn"]
        subscription = response.backend.subscriptions.get(arn)
        waits = subscription and subscription.attributes.get("PendingConfirmation") is True
        if waits and not response._get_bool_param("ReturnSubscriptionArn"):
            return ActionResult({"SubscriptionArn": "pending confirmation"})
        return result

    def confirmed(response: Any) -> Any:
        topic, token = response._get_param("TopicArn"), response._get_param("Token")
        response.backend.get_topic(topic)
        for subscription in response.backend.subscriptions.values():
            its = getattr(subscription, "token", None)
            if subscription.topic.arn == topic and token and its == token:
                subscription.attributes["PendingConfirmation"] = False
                subscription.confirmed = True
                subscription.subscription_arn = subscription.arn
                return ActionResult({"SubscriptionArn": subscription.arn})
        raise InvalidParameterValue("Invalid token")

    replaced: Callable[[type, str, Any], None] = setattr
    replaced(models.SNSBackend, "subscribe", checked)
    replaced(models.Subscription, "publish", publish)
    replaced(responses.SNSResponse, "subscribe", subscribed)
    replaced(responses.SNSResponse, "confirm_subscription", confirmed)


def _invalid(member: str, reason: str) -> ApiError:
    return ApiError("InvalidParameter", f"Invalid parameter: {member} Reason: {reason}")
