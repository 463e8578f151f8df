"""Waiting for stacks of CloudFormation."""

from typing import Any

from waiting import wait_until


def ended(client: Any, stack: str, status: str) -> dict[str, Any]:
    """Wait until the change of a stack has ended, and require its status."""

    def now() -> dict[str, Any]:
        found: dict[str, Any] = client.describe_stacks(StackName=stack)["Stacks"][0]
        return found

    wait_until(lambda: not now()["StackStatus"].endswith("_IN_PROGRESS"), 60)
    reasons = [
        (each["LogicalResourceId"], each["ResourceStatusReason"])
        for each in client.describe_stack_events(StackName=stack)["StackEvents"]
        if each.get("ResourceStatusReason")
    ]
    assert now()["StackStatus"] == status, reasons
    return now()
