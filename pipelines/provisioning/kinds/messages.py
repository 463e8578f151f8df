"""What carries messages: rules and schedules, queues, topics and who listens to them."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.provisioning.kinds.kind import (
    Attached,
    Described,
    Document,
    Resource,
    as_text,
    tag_map,
)

if TYPE_CHECKING:
    import boto3


class Rule(Described):
    """An EventBridge rule with its targets."""

    word, service, named, arn = "EventBridge rule", "events", "Name", "rule/{}"

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The rule and its targets."""
        events = session.client("events")
        try:
            rule: Any = events.describe_rule(Name=resource.name)
        except events.exceptions.ResourceNotFoundException:
            return None
        pattern = json.loads(rule.get("EventPattern") or "null")
        targets = events.list_targets_by_rule(Rule=resource.name)["Targets"]
        return {**rule, "EventPattern": pattern, "Targets": targets}

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Put the rule, then its targets; other targets stay."""
        events = session.client("events")
        rule = {key: value for key, value in request.items() if key not in ("Targets", "Tags")}
        if "EventPattern" in rule:
            rule["EventPattern"] = as_text(rule["EventPattern"])
        events.put_rule(**rule)
        events.put_targets(Rule=request["Name"], Targets=request["Targets"])

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the rule with every target."""
        events, name = session.client("events"), resource.name
        targets = events.list_targets_by_rule(Rule=name)["Targets"]
        if targets:
            events.remove_targets(Rule=name, Ids=[target["Id"] for target in targets])
        events.delete_rule(Name=name)


class Schedule(Described):
    """A schedule of EventBridge Scheduler, in the default group."""

    word, service, named, arn = "schedule", "scheduler", "Name", "schedule/default/{}"

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The schedule."""
        scheduler = session.client("scheduler")
        try:
            response: Any = scheduler.get_schedule(Name=resource.name)
        except scheduler.exceptions.ResourceNotFoundException:
            return None
        return dict(response)

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Create or replace the schedule."""
        scheduler = session.client("scheduler")
        (scheduler.update_schedule if exists else scheduler.create_schedule)(**request)

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the schedule."""
        session.client("scheduler").delete_schedule(Name=resource.name)


class Queue(Described):
    """An SQS queue. `!Ref` is its name here, which `QueuePolicy` looks its URL up by."""

    word, service, named = "queue", "sqs", "QueueName"

    def request(self, resource: Resource) -> Document:
        """The attributes as texts, as SQS takes and returns them."""
        attributes = _attributes(resource.properties, "QueueName")
        tags = tag_map(resource.properties.get("Tags", []))
        return {"QueueName": resource.name, "Attributes": attributes, "Tags": tags}

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The name and the attributes."""
        if not (url := queue_url(session, resource.name)):
            return None
        sqs = session.client("sqs")
        response = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return {"QueueName": resource.name, "Attributes": response["Attributes"]}

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Create the queue, or set its attributes."""
        sqs = session.client("sqs")
        if exists:
            url = queue_url(session, request["QueueName"]) or ""
            sqs.set_queue_attributes(QueueUrl=url, Attributes=request["Attributes"])
        else:
            name, attributes = request["QueueName"], request["Attributes"]
            sqs.create_queue(QueueName=name, Attributes=attributes, tags=request["Tags"])

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the queue with its messages."""
        url = queue_url(session, resource.name) or ""
        session.client("sqs").delete_queue(QueueUrl=url)


class QueuePolicy(Attached, Described):
    """Who may send to a queue."""

    word, service, named = "queue policy", "sqs", "Queues"

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The policy of the queue."""
        (name,) = resource.properties["Queues"]
        if not (url := queue_url(session, name)):
            return None
        sqs = session.client("sqs")
        response = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        policy = response.get("Attributes", {}).get("Policy")
        return {"Queues": [name], "PolicyDocument": json.loads(policy)} if policy else None

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Set the queue's policy."""
        (name,) = request["Queues"]
        policy = as_text(request["PolicyDocument"])
        url = queue_url(session, name) or ""
        session.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


class Topic(Described):
    """An SNS topic."""

    word, service, named, ref = "topic", "sns", "TopicName", "arn"

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The name, where the account has such a topic."""
        arn = topic_arn(session, resource.name)
        return {**resource.properties, "TopicName": resource.name} if arn else None

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Create the topic with its attributes."""
        attributes = _attributes(request, "TopicName")
        session.client("sns").create_topic(
            Name=request["TopicName"], Attributes=attributes, Tags=request.get("Tags", [])
        )

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the topic with its subscriptions."""
        arn = topic_arn(session, resource.name) or ""
        session.client("sns").delete_topic(TopicArn=arn)


class TopicPolicy(Attached, Described):
    """Who may publish to a topic."""

    word, service, named = "topic policy", "sns", "Topics"

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The policy of the topic."""
        (arn,) = resource.properties["Topics"]
        if not topic_arn(session, arn.rsplit(":", 1)[1]):
            return None
        attributes = session.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
        policy = json.loads(attributes.get("Policy") or "{}")
        if not policy or policy.get("Id") == "__default_policy_ID":  # nobody has set it
            return None
        return {"Topics": [arn], "PolicyDocument": policy}

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Set the topic's policy."""
        (arn,) = request["Topics"]
        session.client("sns").set_topic_attributes(
            TopicArn=arn,
            AttributeName="Policy",
            AttributeValue=as_text(request["PolicyDocument"]),
        )


class Subscription(Attached, Described):
    """Somebody who listens to a topic."""

    word, service, named = "subscription", "sns", "Endpoint"

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The subscription of this endpoint, also before somebody has confirmed it."""
        wanted = resource.properties
        if not topic_arn(session, wanted["TopicArn"].rsplit(":", 1)[1]):
            return None
        listing = session.client("sns").get_paginator("list_subscriptions_by_topic")
        same = any(
            (one["Protocol"], one["Endpoint"]) == (wanted["Protocol"], wanted["Endpoint"])
            for page in listing.paginate(TopicArn=wanted["TopicArn"])
            for one in page["Subscriptions"]
        )
        return wanted if same else None

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Subscribe; an e-mail address is asked to confirm."""
        session.client("sns").subscribe(**request)


def queue_url(session: "boto3.Session", name: str) -> str | None:
    """The address of a queue; None: there is no such queue."""
    sqs = session.client("sqs")
    try:
        return sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        return None


def topic_arn(session: "boto3.Session", name: str) -> str | None:
    """The ARN of a topic; None: there is no such topic."""
    pages = session.client("sns").get_paginator("list_topics").paginate()
    arns = [topic["TopicArn"] for page in pages for topic in page["Topics"]]
    return next((arn for arn in arns if arn.rsplit(":", 1)[1] == name), None)


def _attributes(properties: Mapping[str, Any], name: str) -> dict[str, str]:
    """The attributes of a queue or a topic as texts, as SQS and SNS take them.

    Args:
        properties: All of its properties in the template.
        name: The property that is its name.
    """
    return {key: _text(value) for key, value in properties.items() if key not in (name, "Tags")}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)
