"""Log groups, alarms and budgets."""

from __future__ import annotations

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
class LogGroup(Kind):
    """AWS::Logs::LogGroup."""

    name = "AWS::Logs::LogGroup"
    naming = "LogGroupName"
    properties = frozenset(("KmsKeyId", "RetentionInDays", "Tags"))
    replacing = frozenset(("KmsKeyId",))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the group."""
        request = {"tags": tags_of(properties), "kmsKeyId": properties.get("KmsKeyId")}
        api.client("logs").create_log_group(
            logGroupName=name, **{key: value for key, value in request.items() if value}
        )
        return Made(name, {"Arn": api.arn("logs", f"log-group:{name}:*")})

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Set anew how long it keeps its events."""
        self.configure(api, made, properties, before)
        return made

    def configure(self, api: Api, made: Made, properties: Properties, before: Properties) -> None:
        """Set how long it keeps its events."""
        logs = api.client("logs")
        if days := properties.get("RetentionInDays"):
            logs.put_retention_policy(logGroupName=made.id, retentionInDays=int(days))
        elif before.get("RetentionInDays"):
            logs.delete_retention_policy(logGroupName=made.id)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it, with its events."""
        api.client("logs").delete_log_group(logGroupName=made.id)


_NUMBERS = ("DatapointsToAlarm", "EvaluationPeriods", "Period")


@kind
class Alarm(Kind):
    """AWS::CloudWatch::Alarm."""

    name = "AWS::CloudWatch::Alarm"
    naming = "AlarmName"
    properties = frozenset(
        (
            *("ActionsEnabled", "AlarmActions", "AlarmDescription", "ComparisonOperator"),
            *("Dimensions", "InsufficientDataActions", "MetricName", "Namespace", "OKActions"),
            *("Statistic", "Tags", "Threshold", "TreatMissingData", "Unit", *_NUMBERS),
        )
    )
    longest = 255

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Put the alarm."""
        request = picked(properties, *self.properties)
        for number in _NUMBERS:
            if number in request:
                request[number] = int(request[number])
        request["Threshold"] = float(request["Threshold"])
        api.client("cloudwatch").put_metric_alarm(AlarmName=name, **request)
        return Made(name, {"Arn": api.arn("cloudwatch", f"alarm:{name}")})

    def update(self, api: Api, made: Made, properties: Properties, before: Properties) -> Made:
        """Put it anew."""
        return self.create(api, made.id, properties)

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        api.client("cloudwatch").delete_alarms(AlarmNames=[made.id])


@kind
class Budget(Kind):
    """AWS::Budgets::Budget."""

    name = "AWS::Budgets::Budget"
    properties = frozenset(("Budget", "NotificationsWithSubscribers"))

    def create(self, api: Api, name: str, properties: Properties) -> Made:
        """Make the budget; it counts no costs here."""
        budget = {**properties["Budget"]}
        budget.setdefault("BudgetName", name)
        limit = budget.get("BudgetLimit")
        if limit:
            budget["BudgetLimit"] = {**limit, "Amount": str(limit["Amount"])}
        notes = [
            {**each, "Notification": _notification(each["Notification"])}
            for each in properties.get("NotificationsWithSubscribers", [])
        ]
        api.client("budgets").create_budget(
            AccountId=api.account, Budget=budget, NotificationsWithSubscribers=notes
        )
        return Made(budget["BudgetName"])

    def note(self, properties: Properties) -> str:
        """That it has nothing to count."""
        return "the emulator costs nothing, so it never notifies"

    def delete(self, api: Api, made: Made, properties: Properties) -> None:
        """Delete it."""
        api.client("budgets").delete_budget(AccountId=api.account, BudgetName=made.id)


def _notification(notification: Properties) -> Properties:
    return {**notification, "Threshold": float(notification["Threshold"])}
