"""The settings of a target: what differs between this machine and AWS, and nothing else.

`pipelines.settings_file` reads them.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipelines import NAME

# SageMaker takes no empty text, neither as a pipeline parameter nor as an argument of a job.
NONE = "none"

# The function that promotes may touch no endpoint that is called otherwise.
ENDPOINT_NAME = rf"^{NAME}(-+[a-zA-Z0-9]+)*$"
ApprovalStatus = Literal["PendingManualApproval", "Approved", "Rejected"]
InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]


class Section(BaseModel):
    """Frozen and strict: a typing mistake in a settings file must never pass silently."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class FloatRange(Section):
    """A range of real numbers, both ends included."""

    min: float
    max: float

    @model_validator(mode="after")
    def _ordered(self) -> "FloatRange":
        if not 0 < self.min < self.max:
            raise ValueError(f"needs 0 < min < max, not min {self.min} and max {self.max}")
        return self


class IntegerRange(Section):
    """A range of whole numbers, both ends included."""

    min: int
    max: int

    @model_validator(mode="after")
    def _ordered(self) -> "IntegerRange":
        if not 1 <= self.min <= self.max:
            raise ValueError(f"needs 1 <= min <= max, not min {self.min} and max {self.max}")
        return self


class Images(Section):
    """Container images; null is the image of that name in this account's ECR, as it is now."""

    processing: str | None
    training: str | None
    inference: str | None
    from_ecr: bool


class Instances(Section):
    """What the jobs and the endpoint run on."""

    processing: InstanceType
    training: InstanceType
    training_count: Annotated[int, Field(ge=1)]
    spot: bool
    evaluation: InstanceType
    inference: InstanceType
    volume_gb: Annotated[int, Field(ge=1)]


class Data(Section):
    """Which images are learnt from."""

    source: Annotated[str, Field(min_length=1)]
    file_list: str
    subset_size: Annotated[int, Field(ge=0)]
    classes: str
    learn_from: Literal["classes", "all"]
    contradictions: Literal["keep", "leave-out"]
    store_size: Annotated[int, Field(ge=0)]
    split: str
    seed: Annotated[int, Field(ge=0)]


class Training(Section):
    """What is the same for every trial."""

    backbone: Annotated[str, Field(min_length=1)]
    pretrained: str
    image_size: Annotated[int, Field(ge=32, le=1024)]
    test_batch_size: Annotated[int, Field(ge=1)]
    loss: Literal["soft-ordinal", "cross-entropy", "coral", "corn", "expected-count"]
    label_width: Annotated[float, Field(ge=0)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    freeze: Annotated[int, Field(ge=-1)]
    head_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["one-cycle", "cosine", "constant"]
    weight_decay: Annotated[float, Field(ge=0)]
    ema: Annotated[float, Field(ge=0, lt=1)]
    augment: Literal["light", "standard"]
    mixup: Annotated[float, Field(ge=0)]
    balanced: bool
    growing: bool
    mirrored: bool
    precision: Literal["auto", "float32", "bfloat16"]
    compile: bool
    label_noise: Annotated[
        Literal["off", "measure", "leave-out"],
        BeforeValidator(lambda value: "off" if value is False else value),  # as YAML reads off
    ]
    max_hours: Annotated[float, Field(gt=0)]


class Tuning(Section):
    """What is searched, and for how long."""

    learning_rate: FloatRange
    epochs: IntegerRange
    batch_sizes: Annotated[
        tuple[Annotated[int, Field(ge=2)], ...],  # what batch normalisation can learn from
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
        Field(min_length=1),
    ]
    max_trials: Annotated[int, Field(ge=1)]
    max_parallel_trials: Annotated[int, Field(ge=1)]

    @field_validator("batch_sizes")
    @classmethod
    def _differ(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        # SageMaker says it when Prepare has run.
        if len(set(sizes)) < len(sizes):
            raise ValueError("a size stands there twice; the tuner takes each once")
        return sizes


class Debug(Section):
    """Which debug rules judge the training, and whether a finding ends it."""

    rules: bool
    stop_on_issue: bool
    service_rules: bool


class Tracking(Section):
    """Where trainings are tracked besides their logs; empty: where the platform says."""

    mlflow_uri: Annotated[str, Field(pattern=r"^($|arn:aws[a-z-]*:sagemaker:|[a-z][a-z0-9+]*://)")]


class Quality(Section):
    """What a model must reach, how it is judged, and how it enters the registry."""

    accuracy_threshold: Annotated[float, Field(ge=0, le=1)]
    match_precision: Annotated[float, Field(gt=0, lt=1)]
    books_wrong: Annotated[float, Field(gt=0, lt=1)]
    approval_status: ApprovalStatus


class Running(Section):
    """How the pipeline's steps run."""

    parallelism: Annotated[int, Field(ge=1)]
    cache_days: Annotated[int, Field(ge=0)]


class Settings(Section):
    """Everything about one target. After `resolved`, nothing in it is null."""

    target: Literal["local", "aws"]
    region: str
    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] | None
    role: Annotated[str, Field(min_length=1)] | None
    endpoint: Annotated[str, Field(pattern=ENDPOINT_NAME, max_length=63)]
    images: Images
    instances: Instances
    data: Data
    training: Training
    tuning: Tuning
    debug: Debug
    tracking: Tracking
    quality: Quality
    running: Running

    @field_validator("instances")
    @classmethod
    def _one_machine(cls, value: Instances, others: ValidationInfo) -> Instances:
        if others.data.get("target") == "local" and value.training_count > 1:
            raise ValueError(
                f"training_count: this machine is one instance; give 1, not {value.training_count}"
            )
        return value

    def resolved(self, account: str, tags: Mapping[str, str]) -> "Settings":
        """These settings with every null replaced by the name that it stands for.

        Args:
            account: The twelve digits of the account that the session is signed in to.
            tags: The tag of each image of ours, of `pipelines.provisioning.container_images.tags`.
        """
        account = self.account or account
        role = self.role or f"{NAME}-execution"
        if not role.startswith("arn:"):
            role = f"arn:aws:iam::{account}:role/{role}"
        named = self.model_copy(
            update={
                "account": account,
                "bucket": self.bucket or f"{NAME}-{self.region}-{account}",
                "role": role,
            }
        )
        images = {
            name: getattr(self.images, name) or f"{named.registry}/{NAME}-{name}:{tag}"
            for name, tag in tags.items()
        }
        return named.model_copy(update={"images": self.images.model_copy(update=images)})

    @property
    def registrable(self) -> tuple[ApprovalStatus, ...]:
        """With what a version may enter the registry: approved only where the settings say so.

        On AWS the execution role allows no more, so that a parameter of one start does not approve.
        """
        if self.target == "local" or self.quality.approval_status == "Approved":
            return get_args(ApprovalStatus)
        return "PendingManualApproval", "Rejected"

    @property
    def registry(self) -> str:
        """The host of the account's image repositories; only of settings that are resolved."""
        return f"{self.account_id}.dkr.ecr.{self.region}.amazonaws.com"

    @property
    def bucket_name(self) -> str:
        """The bucket; only of settings that have been resolved."""
        assert self.bucket, "settings.resolved(account) comes first"
        return self.bucket

    @property
    def role_arn(self) -> str:
        """The execution role's ARN; only of settings that have been resolved."""
        assert self.role, "settings.resolved(account) comes first"
        return self.role

    @property
    def account_id(self) -> str:
        """The account; only of settings that have been resolved."""
        assert self.account, "settings.resolved(account) comes first"
        return self.account
