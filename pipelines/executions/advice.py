"""What a person does next about an execution, by how it stands and what became of its model."""

from dataclasses import dataclass

from model_registry.versions import APPROVED
from pipelines.executions.execution import Execution
from pipelines.executions.logs import GROUPS
from pipelines.executions.outcome import Outcome
from pipelines.serving.package_group import PENDING

PROGRAM = "python pipeline.py"
NOTHING_NEW = "No model version was registered, so whatever was serving goes on serving."
KILLED = "exit code: 137"  # 128 + SIGKILL
ALGORITHM = "AlgorithmError"  # SageMaker's word for a container that ended with an error of its own
OUT_OF_MEMORY = (
    " Exit code 137 says that the job was killed, mostly for want of memory: give it less at once "
    "(-p SubsetSize=N, a smaller batch or image), or a larger instance on AWS."
)


@dataclass(frozen=True)
class Advice:
    """How things stand in a sentence, and the commands to go on with: (command, what it does)."""

    sentence: str
    commands: tuple[tuple[str, str], ...]

    def lines(self) -> list[str]:
        """The commands one below the other, explained in a column beside them."""
        width = max(len(command) for command, _ in self.commands)
        return [f"{PROGRAM} {command:<{width}}   # {does}" for command, does in self.commands]


def advise(execution: Execution, outcome: Outcome) -> Advice:
    """What to do next.

    Args:
        execution: The execution as it is now.
        outcome: What it found out.
    """
    identity = execution.id
    if execution.running:
        return Advice(
            "The execution goes on.",
            (
                (f"status {identity}", "how far it is"),
                (f"stop {identity}", "ends it and its jobs"),
            ),
        )
    if version := outcome.version:
        return _about_version(version.version, version.approval, identity)
    failed = [step for step in execution.steps if step.status == "Failed"]
    with_log = [step.name for step in failed if step.type in GROUPS]
    logs = tuple((f"logs {name} {identity}", f"all that {name} wrote") for name in with_log)
    if execution.status == "Failed" and failed and not with_log:
        return Advice(
            NOTHING_NEW,
            (
                ("start -p NAME=VALUE", "begins another execution with other parameters"),
                (f"report {identity}", "writes what came out to one HTML file"),
            ),
        )
    if execution.status in ("Failed", "Stopped"):
        failures = [step.failure for step in failed]
        # A tuning step's failure ends before the exit code where what the trial wrote is long.
        if any(step.type == "Tuning" for step in failed):
            failures += [trial.failure for trial in outcome.trials]
        killed = any(KILLED in failure for failure in failures)
        # The same input meets the same error of a script; a service's error may have passed.
        own = any(ALGORITHM in failure for failure in failures)
        changed = ("start -p NAME=VALUE", "begins another execution with other parameters")
        return Advice(
            NOTHING_NEW + OUT_OF_MEMORY * killed,
            (
                *logs,
                *([changed] if own else []),
                (f"retry {identity}", "goes on from the step that did not succeed, same code"),
                ("upsert start", "begins another execution, with changed code"),
            ),
        )
    return Advice(
        NOTHING_NEW,
        (("start -p NAME=VALUE", "begins another execution with other parameters"),),
    )


def _about_version(number: int, approval: str, identity: str) -> Advice:
    if approval == PENDING:
        return Advice(
            f"Model version {number} waits for approval. Approving it deploys it to the endpoint.",
            (
                (f"report {identity}", "all of this with pictures, in one HTML file"),
                (f"approve {number}", "approves it and so deploys it"),
                ("endpoint --wait", "waits until it serves"),
                ("predict IMAGE", "asks it how many items an image shows"),
            ),
        )
    if approval == APPROVED:
        return Advice(
            f"Model version {number} is approved.",
            (
                ("endpoint --wait", "waits until it serves, and shows where"),
                ("predict IMAGE --expected 3", "asks whether an image shows 3 items"),
                ("rollback", "serves the version before it again"),
            ),
        )
    return Advice(
        f"Model version {number} is {approval}.",
        (
            ("models", "lists the versions and which one serves"),
            ("start -p NAME=VALUE", "trains another"),
        ),
    )
