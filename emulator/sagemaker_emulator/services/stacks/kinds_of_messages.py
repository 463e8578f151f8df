"""Rules of EventBridge, schedules, queues of SQS and topics of SNS."""

from __future__ import annotations

import json

from sagemaker_emulator.services.stacks.kinds import (
    Api,
    Kind,
    Made,
    Properties,
    kind,
    picked,
    tags_of,
)


@kind
class Rule(Kind):
    """AWS::Events::Rule."""

    name = "AWS::Events::Rule"
    naming = "Name"
    properties = frozenset(
        ("Description", "EventBusName", "EventPattern", "RoleArn", "ScheduleExpression")
    ) | {"State", "Targets", "Tags"}
    replacing = frozenset(("EventBusName",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the rule, or change it."""
        request = picked(
            properties, "Description", "EventBusName", "RoleArn", "ScheduleExpression", "State"
        )
        if "EventPattern" in properties:
            request["EventPattern"] = json.dumps(properties["EventPattern"])
        put = api.client("events").put_rule(Name=name, **request, **picked(properties, "Tags"))
        return Made(name, {"Arn": put["RuleArn"]})

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Set its targets, and remove those that it has no longer."""
        events, bus = api.client("events"), picked(properties, "EventBusName")
        targets = properties.get("Targets", [])
        ids = {target["Id"] for target in targets}
        if gone := [one["Id"] for one in before.get("Targets", []) if one["Id"] not in ids]:
            events.remove_targets(Rule=made.id, Ids=gone, **bus)
        if not targets:
            return
        reply = events.put_targets(Rule=made.id, Targets=targets, **bus)
        if reply["FailedEntryCount"]:
            raise RuntimeError(reply["FailedEntries"][0]["ErrorMessage"])

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change the rule, and exchange its targets."""
        changed = self.create(api, made.id, {**properties, "Tags": []})
        self.configure(api, made, properties, before)
        return changed

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete its targets, then the rule."""
        events, bus = api.client("events"), picked(properties, "EventBusName")
        if ids := [target["Id"] for target in properties.get("Targets", [])]:
            events.remove_targets(Rule=made.id, Ids=ids, **bus)
        events.delete_rule(Name=made.id, **bus)


@kind
class Schedule(Kind):
    """AWS::Scheduler::Schedule."""

    name = "AWS::Scheduler::Schedule"
    naming = "Name"
    properties = frozenset(
        (
            *("Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn"),
            *("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "State", "Target"),
        )
    )
    replacing = frozenset(("GroupName",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the schedule."""
        scheduler = api.client("scheduler")
        arn = scheduler.create_schedule(Name=name, **picked(properties, *self.properties))
        return Made(name, {"Arn": arn["ScheduleArn"]})

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change it."""
        scheduler = api.client("scheduler")
        scheduler.update_schedule(Name=made.id, **picked(properties, *self.properties))
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        scheduler = api.client("scheduler")
        scheduler.delete_schedule(Name=made.id, **picked(properties, "GroupName"))


_QUEUE = (
    *("DelaySeconds", "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod"),
    *("ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy"),
    *("SqsManagedSseEnabled", "VisibilityTimeout", "FifoQueue", "ContentBasedDeduplication"),
)


@kind
class Queue(Kind):
    """AWS::SQS::Queue."""

    name = "AWS::SQS::Queue"
    naming = "QueueName"
    properties = frozenset((*_QUEUE, "Tags"))
    replacing = frozenset(("FifoQueue",))
    longest = 80

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the queue; its address is its id."""
        url = api.client("sqs").create_queue(
            QueueName=name, Attributes=_attributes(properties, _QUEUE), tags=tags_of(properties)
        )["QueueUrl"]
        return Made(url, {"Arn": api.arn("sqs", name), "QueueName": name, "QueueUrl": url})

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change its attributes."""
        sqs = api.client("sqs")
        sqs.set_queue_attributes(QueueUrl=made.id, Attributes=_attributes(properties, _QUEUE))
        if tags := tags_of(properties):
            sqs.tag_queue(QueueUrl=made.id, Tags=tags)
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it, with its messages."""
        api.client("sqs").delete_queue(QueueUrl=made.id)


def _attributes(properties: Properties, names: tuple[str, ...]) -> dict[str, str]:
    """Properties as a service's attributes, which are texts."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in picked(properties, *names).items()
    }


@kind
class QueuePolicy(Kind):
    """AWS::SQS::QueuePolicy."""

    name = "AWS::SQS::QueuePolicy"
    properties = frozenset(("PolicyDocument", "Queues"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Set the policy of the queues."""
        policy = {"Policy": json.dumps(properties["PolicyDocument"])}
        for url in properties["Queues"]:
            api.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=policy)
        return Made(name)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Set it anew."""
        return self.create(api, made.id, properties)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Take it away."""
        for url in properties["Queues"]:
            api.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})


_TOPIC = ("DisplayName", "KmsMasterKeyId", "FifoTopic", "ContentBasedDeduplication")


@kind
class Topic(Kind):
    """AWS::SNS::Topic."""

    name = "AWS::SNS::Topic"
    naming = "TopicName"
    properties = frozenset((*_TOPIC, "Subscription", "Tags"))
    replacing = frozenset(("FifoTopic",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the topic; its ARN is its id."""
        arn = api.client("sns").create_topic(
            Name=name, Attributes=_attributes(properties, _TOPIC), Tags=properties.get("Tags", [])
        )["TopicArn"]
        return Made(arn, {"TopicArn": arn, "TopicName": name})

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Subscribe whom its properties name."""
        for each in properties.get("Subscription", []):
            api.client("sns").subscribe(TopicArn=made.id, **each)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change its attributes, and add subscriptions."""
        sns = api.client("sns")
        for name, value in _attributes(properties, _TOPIC).items():
            sns.set_topic_attributes(TopicArn=made.id, AttributeName=name, AttributeValue=value)
        self.configure(api, made, properties, before)
        if properties.get("Tags"):
            sns.tag_resource(ResourceArn=made.id, Tags=properties["Tags"])
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        api.client("sns").delete_topic(TopicArn=made.id)


@kind
class TopicPolicy(Kind):
    """AWS::SNS::TopicPolicy."""

    name = "AWS::SNS::TopicPolicy"
    properties = frozenset(("PolicyDocument", "Topics"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Set the policy of the topics."""
        for arn in properties["Topics"]:
            api.client("sns").set_topic_attributes(
                TopicArn=arn,
                AttributeName="Policy",
                AttributeValue=json.dumps(properties["PolicyDocument"]),
            )
        return Made(name)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Set it anew."""
        return self.create(api, made.id, properties)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Leave it to the topics, which have no other: AWS gives them its default back."""
        for arn in properties["Topics"]:
            default = {
                "Version": "2008-10-17",
                "Statement": [
                    {
                        "Sid": "__default_statement_ID",
                        "Effect": "Allow",
                        "Principal": {"AWS": "*"},
                        "Action": ["SNS:Publish", "SNS:Subscribe"],
                        "Resource": arn,
                        "Condition": {"StringEquals": {"AWS:SourceOwner": api.account}},
                    }
                ],
            }
            api.client("sns").set_topic_attributes(
                TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(default)
            )


@kind
class Subscription(Kind):
    """AWS::SNS::Subscription."""

    name = "AWS::SNS::Subscription"
    properties = frozenset(
        ("Endpoint", "FilterPolicy", "FilterPolicyScope", "Protocol", "RawMessageDelivery")
    ) | {"RedrivePolicy", "TopicArn"}

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Subscribe."""
        names = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")
        arn = api.client("sns").subscribe(
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Endpoint=properties["Endpoint"],
            Attributes=_attributes(properties, names),
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return Made(arn, {"Arn": arn})

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """End the subscription."""
        api.client("sns").unsubscribe(SubscriptionArn=made.id)
