"""One transform job: which images it counts, where they are, and its request to SageMaker."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from model_registry.security import Security
from model_registry.versions import ModelVersion
from pipelines import NAME
from pipelines.errors import UserError
from pipelines.scoring.images import ImageSet
from pipelines.scoring.records import Records
from pipelines.serving import stock_record
from pipelines.settings.model import Settings

if TYPE_CHECKING:
    from types_boto3_sagemaker.literals import TransformInstanceTypeType
    from types_boto3_sagemaker.type_defs import (
        CreateTransformJobRequestTypeDef,
        TransformOutputTypeDef,
        TransformResourcesTypeDef,
    )

# Many requests at a time let the server batch images; AWS allows 100 MB for times x payload.
CONCURRENT_REQUESTS, PAYLOAD_MEGABYTES = 16, 6
MAX_PAYLOAD = PAYLOAD_MEGABYTES * 1024 * 1024
LOG_GROUP = "/aws/sagemaker/TransformJobs"


class ScoringError(UserError):
    """The images could not be counted."""


@dataclass(frozen=True)
class TransformJob:
    """A job for the images of one content type, or for those with a stock record, sent as JSON.

    Attributes:
        name: The job's name.
        content_type: The content type.
        images: The images' names below `source`.
        source: The s3:// prefix of the images, ending in "/".
        output: The s3:// prefix of the answers, ending in "/".
        uploaded: Whether the requests are uploaded for this job.
    """

    name: str
    content_type: str
    images: tuple[str, ...]
    source: str
    output: str
    uploaded: bool

    @property
    def with_records(self) -> bool:
        """Whether each request is JSON with an image and its stock record."""
        return self.content_type == stock_record.CONTENT_TYPE

    def key(self, image: str) -> str:
        """The name of an image's request below `source`, and, with `.out`, of its answer."""
        return f"{image}.json" if self.with_records else image

    @property
    def log(self) -> str:
        """The log group and stream prefix of its container and of SageMaker's data log."""
        return f"{LOG_GROUP} {self.name}"


def plan(
    settings: Settings, version: ModelVersion, images: ImageSet, records: Records
) -> tuple[TransformJob, ...]:
    """One job for each content type, under names that are not in use.

    Images with a stock record are in a job of their own, in which each request is JSON. A job reads
    all objects below its source: of images that are in S3 already, either all are sent as JSON, or
    none.
    """
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    stem = f"{settings.name}-score-v{version.version}-{now}-{uuid.uuid4().hex[:4]}"
    all_as_json = bool(images.address and records)
    kinds = {
        image: stock_record.CONTENT_TYPE if all_as_json or image in records else kind
        for image, kind in images.content_types.items()
    }
    jobs = []
    for content_type in sorted(set(kinds.values())):
        names = tuple(image for image, kind in kinds.items() if kind == content_type)
        name = f"{stem}-{content_type.partition('/')[2]}"
        prefix = f"s3://{settings.bucket_name}/{NAME}/scores/{name}"
        uploaded = all_as_json or not images.address
        source = f"{prefix}/input/" if uploaded else images.address
        jobs.append(TransformJob(name, content_type, names, source, f"{prefix}/output/", uploaded))
    return tuple(jobs)


def request(
    job: TransformJob, model: str, settings: Settings
) -> "CreateTransformJobRequestTypeDef":
    """The CreateTransformJob request."""
    instance_type, key = settings.instances.inference, settings.security.kms_key
    resources: TransformResourcesTypeDef = {
        "InstanceType": cast("TransformInstanceTypeType", instance_type),
        "InstanceCount": 1,
    }
    if volume_key := Security(kms_key=key).volume_key([instance_type]):
        resources["VolumeKmsKeyId"] = volume_key
    output: TransformOutputTypeDef = {"S3OutputPath": job.output, "Accept": "application/json"}
    if key:
        output["KmsKeyId"] = key
    return {
        "TransformJobName": job.name,
        "ModelName": model,
        "MaxConcurrentTransforms": CONCURRENT_REQUESTS,
        "MaxPayloadInMB": PAYLOAD_MEGABYTES,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": job.source}},
            "ContentType": job.content_type,
            "SplitType": "None",
        },
        "TransformOutput": output,
        "TransformResources": resources,
        "Tags": settings.tag_list,
    }
