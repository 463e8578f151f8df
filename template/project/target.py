"""Where the pipeline runs: in the emulator on this machine, or on AWS. Nothing else asks which."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import sagemaker_emulator
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

import upload

ROOT = Path(__file__).resolve().parent
CONTAINERS = ROOT / "containers"
STATE = Path(os.environ.get("EMULATOR_STATE", ROOT / ".emulator"))
# These would make clients sign requests to the emulator for AWS.
NOT_FOR_THE_EMULATOR = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")


class ProjectError(Exception):
    """A mistake that the person at the keyboard can mend; shown without a traceback."""


class Range(BaseModel):
    """The ends of a range that Tune searches."""

    min: float
    max: float


class Settings(BaseModel):
    """What settings.yaml says for one target, and what follows from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    region: str
    account: str
    role: str
    data: str
    image_size: int
    epochs: int
    learning_rate: Range
    trials: int
    accuracy_threshold: float
    job_instance: str
    training_instance: str
    endpoint_instance: str

    @property
    def bucket(self) -> str:
        """The bucket of everything: code, pictures, results."""
        return f"{self.name}-{self.region}-{self.account}"

    @property
    def image(self) -> str:
        """The address of the container image; its tag is the hash of its folder."""
        tag = upload.content_hash(upload.files(CONTAINERS / "classifier"))
        registry = f"{self.account}.dkr.ecr.{self.region}.amazonaws.com"
        return f"{registry}/{self.name}/classifier:{tag}"


@dataclass(frozen=True)
class Target:
    """A target's settings, and the session that reaches it."""

    settings: Settings
    session: boto3.Session

    @cached_property
    def sagemaker(self) -> Any:
        """The client of the SageMaker API."""
        return self.session.client("sagemaker")


def read_settings(target: str, account: str) -> Settings:
    """The settings of a target.

    Raises:
        ProjectError: There is no such target, or a setting is unknown, missing or not allowed.
    """
    try:
        values = yaml.safe_load((ROOT / "settings.yaml").read_text())
        targets = {name: values.pop(name, {}) for name in ("local", "aws")}
        if target not in targets:
            raise ProjectError(f"There is no target {target}; choose local or aws.")
        values |= targets[target]
        values["role"] = values.get("role", "").replace("ACCOUNT", account)
        return Settings(account=account, **values)
    except (yaml.YAMLError, ValidationError) as error:
        raise ProjectError(f"settings.yaml cannot be used: {error}") from None


def connect(target: str) -> Target:
    """Open a target; the emulator is started unless it runs."""
    region = read_settings(target, "").region
    if target == "local":
        server = sagemaker_emulator.status(STATE) or sagemaker_emulator.up(STATE, CONTAINERS)
        os.environ.update(server["environment"])
        for variable in NOT_FOR_THE_EMULATOR:
            os.environ.pop(variable, None)
    session = boto3.Session(region_name=region)
    account = session.client("sts").get_caller_identity()["Account"]
    return Target(read_settings(target, account), session)
