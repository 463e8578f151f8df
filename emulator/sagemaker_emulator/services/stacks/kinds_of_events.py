"""Event buses, and the filters of log groups."""

from __future__ import annotations

import json
from typing import Any

from sagemaker_emulator.services.stacks.kinds import Api, Kind, Made, Properties, kind, picked


@kind
class EventBus(Kind):
    """AWS::Events::EventBus."""

    name = "AWS::Events::EventBus"
    naming = "Name"
    properties = frozenset(("Description", "Name", "Policy", "Tags"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the bus."""
        bus = api.client("events").create_event_bus(
            Name=name, **picked(properties, "Description", "Tags")
        )
        return Made(name, {"Arn": bus["EventBusArn"], "Name": name})

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Set its policy."""
        if policy := properties.get("Policy"):
            api.client("events").put_permission(EventBusName=made.id, Policy=json.dumps(policy))
        elif before.get("Policy"):
            api.client("events").remove_permission(EventBusName=made.id, RemoveAllPermissions=True)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Change its description, policy and tags."""
        events = api.client("events")
        events.update_event_bus(Name=made.id, Description=properties.get("Description", ""))
        if tags := properties.get("Tags"):
            events.tag_resource(ResourceARN=made.attributes["Arn"], Tags=tags)
        self.configure(api, made, properties, before)
        return made

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        api.client("events").delete_event_bus(Name=made.id)


@kind
class MetricFilter(Kind):
    """AWS::Logs::MetricFilter."""

    name = "AWS::Logs::MetricFilter"
    naming = "FilterName"
    properties = frozenset(("FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"))
    replacing = frozenset(("LogGroupName",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the filter, or replace it."""
        api.client("logs").put_metric_filter(
            logGroupName=properties["LogGroupName"],
            filterName=name,
            filterPattern=properties["FilterPattern"],
            metricTransformations=[
                _transformation(each) for each in properties["MetricTransformations"]
            ],
        )
        return Made(name)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Replace it."""
        return self.create(api, made.id, properties)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        api.client("logs").delete_metric_filter(
            logGroupName=properties["LogGroupName"], filterName=made.id
        )


def _transformation(each: dict[str, Any]) -> dict[str, Any]:
    """A transformation as the API takes it."""
    made: dict[str, Any] = {key[0].lower() + key[1:]: value for key, value in each.items()}
    if "defaultValue" in made:
        made["defaultValue"] = float(made["defaultValue"])
    if "dimensions" in made:
        made["dimensions"] = {one["Key"]: one["Value"] for one in made["dimensions"]}
    return made | {"metricValue": str(made["metricValue"])}


@kind
class SubscriptionFilter(Kind):
    """AWS::Logs::SubscriptionFilter."""

    name = "AWS::Logs::SubscriptionFilter"
    naming = "FilterName"
    properties = frozenset(("DestinationArn", "FilterName", "FilterPattern", "LogGroupName"))
    unused = frozenset(("Distribution", "RoleArn"))
    replacing = frozenset(("LogGroupName",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the subscription, or replace it."""
        api.client("logs").put_subscription_filter(
            logGroupName=properties["LogGroupName"],
            filterName=name,
            filterPattern=properties["FilterPattern"],
            destinationArn=properties["DestinationArn"],
        )
        return Made(name)

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Replace it."""
        return self.create(api, made.id, properties)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        api.client("logs").delete_subscription_filter(
            logGroupName=properties["LogGroupName"], filterName=made.id
        )
