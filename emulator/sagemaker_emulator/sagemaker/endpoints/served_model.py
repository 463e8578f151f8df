"""What a model is served by: its containers, and how a request goes through them.

Contract: SageMaker developer guide, "Inference pipelines" and "Multi-container endpoints", and the
API reference of ContainerDefinition and InferenceExecutionConfig.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs import archive
from sagemaker_emulator.sagemaker.registry.models import containers_of, data_of, is_direct
from sagemaker_emulator.storage import s3_files
from sagemaker_emulator.storage.location import Location

PRIMARY = "primary"  # the name of a model's only container, in AWS's messages


@dataclass(frozen=True)
class ServedContainer:
    """What one container serves.

    Attributes:
        image: the image's reference.
        data: the URI of model.tar.gz, or of a prefix where `packed` is false; may be empty.
        environment: the variables of the model.
        hostname: its name in the model.
        multi_model: whether `data` is a prefix of many models, each loaded when it is asked for.
        caches: whether a multi-model container keeps a model that it has loaded.
    """

    image: str
    data: str = ""
    packed: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    hostname: str = PRIMARY
    multi_model: bool = False
    caches: bool = True

    def unpack(self, s3: Path, folder: Path, check: Callable[[], None]) -> None:
        """Put the model's files into a folder; whatever `check` raises ends it.

        Raises:
            JobFailed: there is no such object, or it is no archive.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if not self.data or self.multi_model:
            return
        if not self.packed:
            s3_files.download(s3, self.data, folder, check=check)
            return
        file = Location.parse(self.data).file(s3)
        if file is None:
            raise JobFailed(
                f"ClientError: Could not find model data at {self.data}. Please ensure that the "
                "object exists and that the role may read it."
            )
        archive.unpack(file, folder, check)


@dataclass(frozen=True)
class ServedModel:
    """The containers of a model, at least one.

    Attributes:
        containers: in the order in which a request goes through them.
        direct: whether a request goes to one of them alone, which it names.
    """

    containers: tuple[ServedContainer, ...]
    direct: bool = False

    @classmethod
    def describe(cls, context: Context, name: str) -> ServedModel:
        """Look a model up, and the model packages that it may name.

        A package of several containers is an inference pipeline of them.

        Raises:
            ApiError: there is no such model or package.
        """
        model = context.call("DescribeModel", ModelName=name)
        served = [
            each for container in containers_of(model) for each in _served(context, container)
        ]
        if len(served) > 1:
            served = [
                each if each.hostname != PRIMARY else replace(each, hostname=f"container-{number}")
                for number, each in enumerate(served, 1)
            ]
        return cls(tuple(served), is_direct(model))

    def target_problem(self, endpoint: str, hostname: str | None, model: str | None) -> str:
        """Why a request cannot have such a target; empty where it can.

        The faults are those of the developer guide, "Invoke a multi-container endpoint with direct
        invocation" and "Invoke a Multi-Model Endpoint".

        Args:
            endpoint: the endpoint's name.
            hostname: the request's TargetContainerHostname.
            model: the request's TargetModel.
        """
        asked = self.containers
        if self.direct:
            names = [container.hostname for container in self.containers]
            if hostname not in names:
                problem = "is missing" if hostname is None else f"{hostname} does not exist"
                return (
                    f"TargetContainerHostname {problem}: endpoint {endpoint} is configured for "
                    f"direct invocation. Its containers are {', '.join(names)}."
                )
            asked = tuple(each for each in self.containers if each.hostname == hostname)
        elif hostname is not None:
            return (
                f"TargetContainerHostname is {hostname}, but endpoint {endpoint} is not configured "
                "for direct invocation. Leave it out, or create the model with "
                "InferenceExecutionConfig Mode Direct."
            )
        if any(each.multi_model for each in asked):
            if model is None:
                return (
                    f"Endpoint {endpoint} is a multi-model endpoint and requires a target model "
                    "header: TargetModel is the key of a model below ModelDataUrl."
                )
        elif model is not None:
            return (
                f"Endpoint {endpoint} is not a multi-model endpoint and does not support target "
                "model header."
            )
        return ""


def _served(context: Context, container: Mapping[str, Any]) -> list[ServedContainer]:
    """What a container of a model serves; of a package of several containers, each of them."""
    environment = dict(container.get("Environment", {}))
    own = [container]
    if package := container.get("ModelPackageName"):
        described = context.call("DescribeModelPackage", ModelPackageName=package)
        own = described["InferenceSpecification"]["Containers"]
    alone = len(own) == 1
    return [
        ServedContainer(
            each["Image"],
            *data_of(each),
            {**each.get("Environment", {}), **environment},
            (container if alone else each).get("ContainerHostname")
            or each.get("ContainerHostname", PRIMARY),
            container.get("Mode") == "MultiModel",
            container.get("MultiModelConfig", {}).get("ModelCacheSetting") != "Disabled",
        )
        for each in own
    ]
