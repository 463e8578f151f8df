"""What watches: alarms, how long logs are kept, and budgets."""

from typing import TYPE_CHECKING, Any

from pipelines.provisioning.kinds.kind import Described, Document, Resource, tag_map

if TYPE_CHECKING:
    import boto3


class Alarm(Described):
    """A CloudWatch alarm on a metric."""

    word, service, named, arn = "alarm", "cloudwatch", "AlarmName", "alarm:{}"

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The alarm, in the same form as the request."""
        cloudwatch = session.client("cloudwatch")
        alarms: list[Any] = cloudwatch.describe_alarms(AlarmNames=[resource.name])["MetricAlarms"]
        return dict(alarms[0]) if alarms else None

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Put the whole alarm; tags only when it is new, as CloudWatch takes them."""
        wanted = {key: value for key, value in request.items() if key != "Tags" or not exists}
        session.client("cloudwatch").put_metric_alarm(**wanted)

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the alarm."""
        session.client("cloudwatch").delete_alarms(AlarmNames=[resource.name])


class LogGroup(Described):
    """A log group and for how many days its lines are kept."""

    word, service, named, arn = "log group", "logs", "LogGroupName", "log-group:{}:*"
    on_this_machine = False

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The group's retention."""
        pages = session.client("logs").get_paginator("describe_log_groups")
        for page in pages.paginate(logGroupNamePrefix=resource.name):
            for group in page["logGroups"]:
                if group["logGroupName"] == resource.name:
                    days = group.get("retentionInDays")
                    return {"LogGroupName": resource.name, "RetentionInDays": days}
        return None

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Create the group unless a job has, and set how long its lines are kept."""
        logs, name = session.client("logs"), request["LogGroupName"]
        if not exists:
            logs.create_log_group(logGroupName=name, tags=tag_map(request.get("Tags", [])))
        logs.put_retention_policy(logGroupName=name, retentionInDays=request["RetentionInDays"])

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the group with its lines."""
        session.client("logs").delete_log_group(logGroupName=resource.name)


class Budget(Described):
    """A monthly budget that writes an e-mail."""

    word, service, named = "budget", "budgets", "Budget"
    on_this_machine = False

    def current(self, session: "boto3.Session", resource: Resource) -> Document | None:
        """The budget's limit; amounts are texts there and numbers in the template."""
        client = session.client("budgets")
        try:
            budget = client.describe_budget(AccountId=_account(session), BudgetName=resource.name)
        except client.exceptions.NotFoundException:
            return None
        return _limit(budget["Budget"])

    def request(self, resource: Resource) -> Document:
        """The limit is compared; everything is sent."""
        return {**_limit(resource.properties["Budget"]), "Tags": resource.properties}

    def put(self, session: "boto3.Session", request: Document, *, exists: bool) -> None:
        """Create the budget with its notifications, in place of one with another limit."""
        client, account, wanted = session.client("budgets"), _account(session), request["Tags"]
        if exists:
            client.delete_budget(AccountId=account, BudgetName=request["BudgetName"])
        budget: Any = wanted["Budget"]
        limit = {**budget["BudgetLimit"], "Amount": str(budget["BudgetLimit"]["Amount"])}
        client.create_budget(
            AccountId=account,
            Budget={**budget, "BudgetLimit": limit},
            NotificationsWithSubscribers=wanted["NotificationsWithSubscribers"],
        )

    def delete(self, session: "boto3.Session", resource: Resource) -> None:
        """Delete the budget."""
        session.client("budgets").delete_budget(
            AccountId=_account(session), BudgetName=resource.name
        )


def _account(session: "boto3.Session") -> str:
    return session.client("sts").get_caller_identity()["Account"]


def _limit(budget: Any) -> Document:
    return {
        "BudgetName": budget["BudgetName"],
        "Amount": float(budget["BudgetLimit"]["Amount"]),
    }
