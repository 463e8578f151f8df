"""The SNS topic of what people are told, and who subscribes to it."""

import json
from typing import TYPE_CHECKING

from pipelines.provisioning import template
from pipelines.provisioning.item import Item
from pipelines.provisioning.promoter import TAGS
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    import boto3


def topic(session: "boto3.Session", settings: Settings) -> list[Item]:
    """Create the topic, let rules and alarms publish to it, and subscribe the settings' address."""
    client, arn = session.client("sns"), settings.topic_arn
    name = arn.rpartition(":")[2]
    pages = client.get_paginator("list_topics").paginate()
    exists = any(one["TopicArn"] == arn for page in pages for one in page["Topics"])
    client.create_topic(Name=name, Tags=[{"Key": key, "Value": TAGS[key]} for key in TAGS])
    if not exists:
        policy = template.properties("NotificationsPolicy", settings)["PolicyDocument"]
        client.set_topic_attributes(
            TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(policy)
        )
    items = [Item("topic", name, "exists" if exists else "created")]
    if address := settings.notify:
        found = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
        known = any(one["Endpoint"] == address for page in found for one in page["Subscriptions"])
        if not known:
            client.subscribe(TopicArn=arn, Protocol="email", Endpoint=address)
        items.append(Item("subscription", address, "exists" if known else "created"))
    return items
