"""What an execution costs, before it starts and afterwards, as a person reads it."""

from rich.console import RenderableType
from rich.text import Text

from pipelines.display.formatting import duration
from pipelines.display.table import Column, FittedTable
from pipelines.executions.cost import Cost
from pipelines.executions.estimate import Estimate, Row

NOT_INCLUDED = (
    "Not included: the endpoint, which costs by the hour until it is deleted, storage, and in the "
    "times the minutes in which SageMaker prepares instances. A step that is taken from the step "
    "cache costs nothing."
)


def usd(amount: float | None) -> str:
    """`1.25 USD`; what is less than a cent, and "no price known" for None."""
    if amount is None:
        return "no price known"
    return "less than 0.01 USD" if 0 < amount < 0.005 else f"{amount:.2f} USD"


def estimate(estimated: Estimate, local: bool) -> list[RenderableType]:
    """The estimate of an execution: a row for each step, then the sums in sentences.

    Args:
        estimated: The estimate.
        local: Whether it would run on this machine, which costs nothing.
    """
    columns = (
        Column("step", whole=True),
        Column("jobs", whole=True),
        Column("expected", right=True, whole=True),
        Column("at most", right=True, whole=True),
        Column("cost", right=True, whole=True),
        Column("at most", right=True, whole=True),
        Column("expected time is from", optional=1),
    )
    rows = [
        (
            row.plan.step,
            _jobs(row),
            duration(row.seconds) if row.past else "",
            duration(row.most_seconds),
            usd(row.usd) if row.past else "",
            usd(row.most_usd),
            str(row.past) if row.past else "no execution has run it",
        )
        for row in estimated.rows
    ]
    return [FittedTable(columns, rows), Text("\n".join(_sentences(estimated, local)))]


def cost(spent: Cost, local: bool) -> str:
    """What an execution has cost, in a sentence; "" where it ran no job.

    Args:
        spent: What its jobs have used.
        local: Whether it ran on this machine, which costs nothing.
    """
    if not spent.steps:
        return ""
    time = duration(spent.instance_hours * 3600)
    if local:
        return (
            f"Cost: nothing, on this machine. On AWS, {time} of these instances would cost "
            f"{usd(spent.usd)}{_unknown(spent.without_price)}."
        )
    saved = f" Spot instances saved {spent.saved_share:.0%}." if spent.saved_share > 0 else ""
    return (
        f"Cost: {usd(spent.usd)} for {time} of instances{_unknown(spent.without_price)} "
        f"({spent.origin}).{saved}"
    )


def _sentences(estimated: Estimate, local: bool) -> list[str]:
    expected, most = duration(estimated.seconds), duration(estimated.most_seconds)
    lines = [f"Expected: {expected}, {usd(estimated.usd)}. At most: {most}, "
             f"{usd(estimated.most_usd)}."]  # fmt: skip
    if local:
        lines = [
            f"Expected: {expected}. At most: {most}. This machine costs nothing.",
            f"On AWS, if its instances were as fast as this machine: {usd(estimated.usd)}, at most "
            f"{usd(estimated.most_usd)}.",
        ]
    if estimated.without_history:
        lines.append(
            f"No execution has run {', '.join(estimated.without_history)} yet: the time limit "
            "stands for the expected time."
        )
    if estimated.without_price:
        lines.append(
            f"No price is known of {', '.join(estimated.without_price)}: write it into a file like "
            "pipelines/prices.yaml and name that in the setting cost.prices."
        )
    if estimated.origin:
        lines.append(f"From {estimated.origin}.")
    return [*lines, NOT_INCLUDED]


def _jobs(row: Row) -> str:
    plan = row.plan
    times = f"{plan.count} x " if plan.count > 1 else ""
    each = f"{plan.instances} x " if plan.instances > 1 else ""
    parallel = f", {plan.parallel} at a time" if plan.count > 1 else ""
    return f"{times}{each}{plan.instance_type}{parallel}"


def _unknown(types: tuple[str, ...]) -> str:
    return f" of {', '.join(types)}" if types else ""
