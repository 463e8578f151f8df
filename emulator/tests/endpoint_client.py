"""Models, configurations and endpoints on a real server, each made in one call."""

import io
import tarfile
from collections.abc import Callable
from typing import Any

from emulator_process import BUCKET, Emulator

ROLE = "arn:aws:iam::123456789012:role/service-role/runs-jobs"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/plain:latest"


def variant_of(name: str, model: str, **changes: Any) -> dict[str, Any]:
    """A variant of one instance."""
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.t2.medium",
        **changes,
    }


def packed(word: str) -> bytes:
    """A model.tar.gz that holds a word in word.txt."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("word.txt")
        member.size = len(word)
        archive.addfile(member, io.BytesIO(word.encode()))
    return file.getvalue()


class Hosting:
    """Models and endpoint configurations of a test, made in one call each."""

    def __init__(self, emulator: Emulator, until: Callable[..., Any]) -> None:
        self.sagemaker = emulator.client("sagemaker")
        self._s3, self._until = emulator.client("s3"), until

    def model(self, name: str, image: str = IMAGE, word: str = "") -> None:
        key = f"{name}/model.tar.gz"
        self._s3.put_object(Bucket=BUCKET, Key=key, Body=packed(word))
        container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/{key}"}
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container
        )

    def version(self, group: str, model: str) -> str:
        """A model of a new version of a group; the version's ARN."""
        key = f"{BUCKET}/{group}/model.tar.gz"
        types = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{key}"}
        arn: str = self.sagemaker.create_model_package(
            ModelPackageGroupName=group,
            InferenceSpecification={"Containers": [container], **types},
        )["ModelPackageArn"]
        self.sagemaker.create_model(
            ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": arn}
        )
        return arn

    def config(self, name: str, settings: dict[str, Any] | None = None, **models: str) -> None:
        """A configuration with a variant for each model, and other members of the request."""
        variants = [variant_of(variant, model) for variant, model in models.items()]
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=variants, **settings or {}
        )

    def endpoint(self, name: str) -> Any:
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        return self.settled(name)

    def settled(self, name: str) -> Any:
        """An endpoint's description once nothing is under way."""
        return self._until(
            lambda: self.sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus"
        )
