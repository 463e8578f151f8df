"""What to do next: which steps may start, which never will, and whether the execution is over."""

from collections.abc import Mapping
from dataclasses import dataclass

from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition

RUNNING = ("Starting", "Executing", "Stopping")
# Not a status of the API: a step that will not run, because of a branch not taken, is not listed.
SKIPPED = "Skipped"


@dataclass(frozen=True)
class Plan:
    """The next move of an execution.

    Attributes:
        start: steps to start now, in the definition's order.
        skip: steps that will not run in this execution.
        status: the execution's final status, or None until it has ended.
    """

    start: tuple[str, ...]
    skip: tuple[str, ...]
    status: str | None


def plan(
    definition: Definition,
    statuses: Mapping[str, str],
    outcomes: Mapping[str, bool],
    limit: int,
    stopping: bool = False,
) -> Plan:
    """Decide the next move.

    After a failed step, running steps finish, and the steps that wait for it do not start; others
    do. After a Fail step, no step starts any more.

    Args:
        definition: the pipeline.
        statuses: the status of each step that was started or skipped.
        outcomes: the outcome of each evaluated Condition step.
        limit: how many steps may run at once (ParallelismConfiguration).
        stopping: whether StopPipelineExecution was called.
    """
    known = dict(statuses)
    skip: list[str] = []
    ended = stopping or any(
        known.get(step.name) == "Failed" and step.type == "Fail"
        for step in definition.steps.values()
    )
    changed = True
    while changed:
        changed = False
        for step in definition.steps.values():
            if step.name not in known and (
                _not_taken(step.condition, step.branch, outcomes)
                or any(known.get(parent) == SKIPPED for parent in definition.waits[step.name])
            ):
                known[step.name] = SKIPPED
                skip.append(step.name)
                changed = True
    running = sum(status in RUNNING for status in known.values())
    ready = [
        name
        for name in definition.steps
        if name not in known and all(known.get(p) == "Succeeded" for p in definition.waits[name])
    ]
    start = [] if ended else ready[: max(0, limit - running)]
    if start or running:
        return Plan(tuple(start), tuple(skip), None)
    return Plan((), tuple(skip), _final(list(known.values()), stopping))


def _not_taken(condition: str | None, branch: str | None, outcomes: Mapping[str, bool]) -> bool:
    if condition is None or condition not in outcomes:
        return False
    return branch != ("IfSteps" if outcomes[condition] else "ElseSteps")


def _final(statuses: list[str], stopping: bool) -> str:
    if stopping or "Stopped" in statuses:
        return "Stopped"
    return "Failed" if "Failed" in statuses else "Succeeded"
