"""A job of a workflow in .github/workflows, whose commands tests run as GitHub's runner does."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from workplace import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
# https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#defaultsrunshell
DEFAULT, BASH = ["bash", "-e"], ["bash", "--noprofile", "--norc", "-eo", "pipefail"]
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)


def read(file: str) -> dict[Any, Any]:
    """A workflow's content; YAML reads its key `on` as a truth value."""
    content: dict[Any, Any] = yaml.safe_load((FOLDER / file).read_text())
    return content


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        file: The workflow's file, such as `retrain.yml`.
        name: The job's key.
        values: What GitHub's expressions have as their value, by the text between the braces.
    """

    file: str
    name: str
    values: Mapping[str, str]

    @property
    def content(self) -> dict[str, Any]:
        """The job as it is written."""
        job: dict[str, Any] = read(self.file)["jobs"][self.name]
        return job

    def commands(self) -> list[str]:
        """The names of the steps that run commands, in order."""
        return [step["name"] for step in self.content["steps"] if "run" in step]

    def step(self, name: str) -> dict[str, Any]:
        """The step with this name."""
        (found,) = [step for step in self.content["steps"] if step.get("name") == name]
        step: dict[str, Any] = found
        return step

    def run(
        self, name: str, workspace: Path, environment: Mapping[str, str], seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run the commands of a step, with the job's and the step's variables.

        Args:
            name: The step's name.
            workspace: The folder of the checkout.
            environment: The runner's variables; they replace the workflow's of the same name.
            seconds: How long it may take.
        """
        step = self.step(name)
        # Which build of torch is to be installed is this machine's affair.
        own = {**self.content.get("env", {}), **step.get("env", {})}
        own.pop("UV_TORCH_BACKEND", None)
        return subprocess.run(
            [*(BASH if step.get("shell") == "bash" else DEFAULT), "-c", step["run"]],
            cwd=workspace / step.get("working-directory", "."),
            env={
                # What the environment replaces is not evaluated.
                **{k: self._evaluated(str(v)) for k, v in own.items() if k not in environment},
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def _evaluated(self, text: str) -> str:
        return EXPRESSION.sub(lambda match: self.values[match[1]], text)
