"""What to do next about an execution, and the commands for it."""

from __future__ import annotations

from dataclasses import dataclass

from model_registry.versions import APPROVED
from pipelines.executions.execution import Execution
from pipelines.executions.logs import GROUPS
from pipelines.executions.outcome import Outcome
from pipelines.serving.package_group import PENDING

PROGRAM = "python pipeline.py"
NO_VERSION = "No model version was registered; the endpoint serves what it served before."
KILLED = "exit code: 137"  # 128 + SIGKILL
ALGORITHM = "AlgorithmError"  # SageMaker's word for a container that ended with an error of its own
OUT_OF_MEMORY = (
    " Exit code 137 means that the job was killed, usually because memory ran out: use less at "
    "once (-p SubsetSize=N, a smaller batch or image), or a larger instance on AWS."
)
CHANGED = ("start -p NAME=VALUE", "start with other parameters")
WATCH = "Watch"  # the step that looks at the endpoint's answers


@dataclass(frozen=True)
class Advice:
    """The state in a sentence, and commands to continue with: (command, what it does)."""

    sentence: str
    commands: tuple[tuple[str, str], ...]

    def lines(self) -> list[str]:
        """The commands, one on each line, explained in a column beside them."""
        width = max(len(command) for command, _ in self.commands)
        return [f"{PROGRAM} {command:<{width}}   # {does}" for command, does in self.commands]


def advise(execution: Execution, outcome: Outcome) -> Advice:
    """What to do next, by the state of an execution and its results."""
    identity = execution.id
    if execution.running:
        return Advice(
            "The execution is running.",
            ((f"status {identity}", "show it"), (f"stop {identity}", "stop it and its jobs")),
        )
    if any(step.name == WATCH for step in execution.steps):
        return _about_watching(execution)
    if version := outcome.version:
        return _about_version(version.version, version.approval, identity)
    if execution.version_arn and execution.status == "Succeeded":
        number = execution.version_arn.rpartition("/")[2]
        return Advice(
            f"Model version {number} was registered, and deleted since.",
            (("models", "list the versions"), CHANGED),
        )
    failed = [step for step in execution.steps if step.status == "Failed"]
    with_log = [step.name for step in failed if step.type in GROUPS]
    if execution.status == "Failed" and failed and not with_log:
        return Advice(
            _why(execution, outcome), (CHANGED, (f"report {identity}", "write an HTML report"))
        )
    if execution.status not in ("Failed", "Stopped"):
        return Advice(NO_VERSION, (CHANGED,))
    failures = [step.failure for step in failed]
    # A tuning step's failure ends before the exit code if what the trial wrote is long.
    if any(step.type == "Tuning" for step in failed):
        failures += [trial.failure for trial in outcome.trials]
    killed = any(KILLED in failure for failure in failures)
    # The same input meets the same error of a script; a service's error may have passed.
    own = any(ALGORITHM in failure for failure in failures)
    return Advice(
        NO_VERSION + OUT_OF_MEMORY * killed,
        (
            *((f"logs {name} {identity}", f"show the log of {name}") for name in with_log),
            *([CHANGED] if own else []),
            (f"retry {identity}", "resume with the same code"),
            ("upsert start", "start with the changed code"),
        ),
    )


def _about_watching(execution: Execution) -> Advice:
    """What an execution of the other pipeline has found, if it came that far."""
    watched = execution.step(WATCH).status == "Succeeded"
    checks = (f"logs {WATCH} {execution.id}", "show every check" if watched else "show why")
    if not watched:
        return Advice(
            "The endpoint was not watched.",
            (checks, (f"retry {execution.id}", "try once more"), ("watch", "watch now")),
        )
    if execution.status == "Failed":
        return Advice(
            "What the endpoint sees or answers has changed; docs/watching.md says what each check "
            "means.",
            (checks, ("watch", "look again"), ("list", "has it started a training?")),
        )
    return Advice("Nothing is raised.", (checks, ("list --watch", "what others have found")))


def _why(execution: Execution, outcome: Outcome) -> str:
    """That no version was registered, and which conditions of CheckAccuracy do not hold."""
    unmet = outcome.evaluation.unmet(execution.parameters) if outcome.evaluation else []
    if not unmet:
        return NO_VERSION
    return f"The model is not good enough: {'; '.join(unmet)}. {NO_VERSION}"


def _about_version(number: int, approval: str, identity: str) -> Advice:
    if approval == PENDING:
        return Advice(
            f"Model version {number} waits for approval; approving it deploys it to the endpoint.",
            (
                (f"report {identity}", "write an HTML report"),
                (f"approve {number}", "approve and deploy the version"),
                ("endpoint --wait", "wait until it serves"),
                ("predict IMAGE", "count the items in an image"),
            ),
        )
    if approval == APPROVED:
        return Advice(
            f"Model version {number} is approved.",
            (
                ("endpoint --wait", "wait until it serves"),
                ("predict IMAGE --expected 3", "check whether an image shows 3 items"),
                ("rollback", "serve the version before it again"),
            ),
        )
    return Advice(
        f"Model version {number} is {approval}.",
        (("models", "list the versions"), CHANGED),
    )
