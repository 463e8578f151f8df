"""The settings: every section with what concerns several of them, and names that follow from it.

Each section is in a module beside this one: its keys with type, default and what they mean.
A key without a default there is one in which the targets differ: `local.yaml` and `aws.yaml` beside
this file set it. On AWS a stage's file in `stages/` replaces some values. All of them, and where
each comes from: `python pipeline.py settings`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import ValidationInfo, field_validator, model_validator

from pipelines import NAME
from pipelines.settings import fields, names
from pipelines.settings.data import Data
from pipelines.settings.machines import Cost, Images, Instances, Running
from pipelines.settings.quality import ApprovalStatus, Quality
from pipelines.settings.section import Section
from pipelines.settings.security import Security, SharedRegistry
from pipelines.settings.serving import Capture, Desk, Rollout, Scaling, Shadow, Watch
from pipelines.settings.training import Debug, Tracking, Training, Tuning

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import TagTypeDef


class Settings(Section):
    """Everything about one target. After `resolved`, nothing in it is null."""

    target: Literal["local", "aws"]
    """Where the pipeline runs, and which target's values a settings file changes."""
    stage: names.Stage = "prod"
    """dev, staging or prod: resources of its own (tally-dev, ..., tally); on AWS values, too."""
    region: str = "us-east-1"
    """AWS region. The public bin images are in us-east-1."""
    account: fields.Account
    """AWS account; null: the account of your credentials."""
    bucket: fields.Bucket = None
    """Bucket; null: tally-REGION-ACCOUNT, or tally-STAGE-REGION-ACCOUNT."""
    role: fields.Role = None
    """Execution role; null: tally-execution-REGION of `setup` or infrastructure/tally.yaml."""
    endpoint: fields.EndpointName = NAME
    """Endpoint that serves the approved model; by default tally, or tally-STAGE."""
    images: Images
    instances: Instances
    data: Data
    training: Training
    tuning: Tuning
    debug: Debug = Debug()
    tracking: Tracking = Tracking()
    quality: Quality
    rollout: Rollout
    capture: Capture = Capture()
    shadow: Shadow = Shadow()
    scaling: Scaling = Scaling()
    notify: fields.Email = ""
    """E-mail address told of failures, waiting versions, rollbacks and alarms; empty: nobody."""
    running: Running
    cost: Cost = Cost()
    desk: Desk = Desk()
    watch: Watch = Watch()
    security: Security = Security()
    shared_registry: SharedRegistry = SharedRegistry()

    @field_validator("shared_registry")
    @classmethod
    def _check_shared_registry(
        cls, value: SharedRegistry, others: ValidationInfo
    ) -> SharedRegistry:
        if others.data.get("target") == "local" and value != SharedRegistry():
            raise ValueError("is for AWS only; this machine has one account")
        region = others.data.get("region")
        if value.group and value.group.split(":")[3] != region:
            raise ValueError(
                f"group must be in {region} (setting region), as SageMaker creates a model only "
                f"from a version of its own region, not {value.group}"
            )
        return value

    @field_validator("security")
    @classmethod
    def _check_security(cls, value: Security, others: ValidationInfo) -> Security:
        if others.data.get("target") == "local" and value != Security():
            raise ValueError("is for AWS only; this machine keeps nothing of it")
        instances = others.data.get("instances")
        if instances and instances.serverless.memory_mb and (value.subnets or value.isolated):
            raise ValueError(
                "a serverless endpoint can be neither in subnets nor isolated; set "
                "instances.serverless.memory_mb: 0"
            )
        tracking = others.data.get("tracking")
        if value.isolated and tracking and tracking.mlflow_uri:
            raise ValueError("isolated: a training that reaches nothing needs an empty mlflow_uri")
        return value

    @field_validator("capture")
    @classmethod
    def _check_capture(cls, value: Capture, others: ValidationInfo) -> Capture:
        instances = others.data.get("instances")
        if value.percent and instances and instances.serverless.memory_mb:
            raise ValueError(
                "SageMaker captures nothing of a serverless endpoint; set percent: 0, or "
                "instances.serverless.memory_mb: 0"
            )
        return value

    @field_validator("scaling")
    @classmethod
    def _check_scaling(cls, value: Scaling, others: ValidationInfo) -> Scaling:
        instances = others.data.get("instances")
        if value.max and instances and instances.serverless.memory_mb:
            raise ValueError(
                "a serverless endpoint has no instances to scale; set max: 0, or "
                "instances.serverless.memory_mb: 0"
            )
        if value.max and instances and instances.inference.startswith("ml.t2."):
            raise ValueError(
                f"SageMaker does not scale {instances.inference}, which is burstable; set "
                "instances.inference to another type, such as ml.m5.large, or max: 0"
            )
        return value

    @model_validator(mode="before")
    @classmethod
    def _endpoint_by_default(cls, values: dict[str, Any]) -> dict[str, Any]:
        stage = values.get("stage", "prod")
        return {"endpoint": names.base(stage if stage in names.STAGES else "prod"), **values}

    @field_validator("endpoint")
    @classmethod
    def _endpoint_of_the_stage(cls, value: str, others: ValidationInfo) -> str:
        stage = others.data.get("stage")
        if stage and not names.belongs(stage, value):
            raise ValueError(f"{value!r} is not allowed. Allowed: {names.endpoints(stage)}.")
        return value

    @field_validator("instances")
    @classmethod
    def _one_machine(cls, value: Instances, others: ValidationInfo) -> Instances:
        if others.data.get("target") == "local" and value.training_count > 1:
            raise ValueError(
                f"training_count must be 1 on this machine, not {value.training_count}"
            )
        return value

    def resolved(self, account: str, tags: Mapping[str, str]) -> "Settings":
        """Replace every null by the name that it stands for.

        Args:
            account: The twelve digits of the account that the session is signed in to.
            tags: The tag of each container image, from `container_images.tags`.

        Raises:
            PlaceError: The role's ARN names another account or partition.
        """
        account = self.account or account
        named = self.model_copy(
            update={
                "account": account,
            }
        )
        named = named.model_copy(update={"bucket": self.bucket or named.default_bucket})
        role = self.role or self.global_name("execution")
        if not role.startswith("arn:"):
            role = named.arn("iam", f"role/{role}")
        names.check_role(role, named.arn("iam", "role/"))
        named = named.model_copy(update={"role": role})
        images = {
            name: getattr(self.images, name) or f"{named.registry}/{NAME}-{name}:{tag}"
            for name, tag in tags.items()
        }
        return named.model_copy(update={"images": self.images.model_copy(update=images)})

    @property
    def initial_statuses(self) -> tuple[ApprovalStatus, ...]:
        """The approval statuses that a new version may have.

        On AWS, Approved is one of them only where the settings choose it. The execution role allows
        no more, so that nobody approves a version by a parameter of one start.
        """
        if self.target == "local" or self.quality.approval_status == "Approved":
            return get_args(ApprovalStatus)
        return "PendingManualApproval", "Rejected"

    @property
    def topic_arn(self) -> str:
        """The SNS topic of what people are told; for resolved settings only."""
        return self.arn("sns", f"{self.name}-notifications")

    @property
    def alarm_names(self) -> tuple[str, ...]:
        """The CloudWatch alarms that roll a deployment back, such as `tally-errors`."""
        return tuple(f"{self.endpoint}-{alarm}" for alarm in self.rollout.alarms)

    @property
    def name(self) -> str:
        """The stage's name: of the pipeline, the model package group, and before every other name.

        `tally` for prod, `tally-dev` and `tally-staging` for the others.
        """
        return names.base(self.stage)

    @property
    def group(self) -> str:
        """The model package group that is promoted from: its name, or another account's ARN."""
        return self.shared_registry.group or self.name

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything that the stage has."""
        return {"project": NAME, "stage": self.stage}

    @property
    def tag_list(self) -> "list[TagTypeDef]":
        """The tags as most requests take them."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    @property
    def default_bucket(self) -> str:
        """The bucket where the settings name no other; for resolved settings only."""
        return f"{self.name}-{self.region}-{self.account_id}"

    @property
    def watch_name(self) -> str:
        """The name of the pipeline that watches the endpoint."""
        return f"{self.name}-watch"

    @property
    def capture_address(self) -> str:
        """Where endpoints keep what they answered; for resolved settings only."""
        return f"s3://{self.bucket_name}/{NAME}/capture"

    @property
    def baselines_address(self) -> str:
        """Where Evaluate puts the baseline of each model; for resolved settings only."""
        return f"s3://{self.bucket_name}/{NAME}/baselines"

    @property
    def audits_address(self) -> str:
        """Where the desk keeps the log of audits; for resolved settings only."""
        return f"s3://{self.bucket_name}/{NAME}/audits"

    @property
    def function_name(self) -> str:
        """The name of the Lambda function that promotes."""
        return f"{self.name}-promote"

    def global_name(self, name: str) -> str:
        """A name in IAM, which knows no region: two regions must not share it."""
        return f"{self.name}-{name}-{self.region}"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account; for resolved settings only.

        Args:
            service: As in ARNs, such as `lambda`.
            resource: The end of the ARN, such as `function:tally-promote`.
        """
        partition = names.partition(self.region)
        if service == "s3":
            return f"arn:{partition}:s3:::{resource}"
        region = "" if service in names.GLOBAL_SERVICES else self.region
        return f"arn:{partition}:{service}:{region}:{self.account_id}:{resource}"

    @property
    def registry(self) -> str:
        """The host of the account's image repositories; for resolved settings only."""
        return f"{self.account_id}.dkr.ecr.{self.region}.{names.dns_suffix(self.region)}"

    @property
    def serves_in_own_image(self) -> bool:
        """Whether the endpoint's image is ours, which has no PyTorch; for resolved settings."""
        return str(self.images.inference).startswith(f"{self.registry}/{NAME}-inference:")

    @property
    def bucket_name(self) -> str:
        """The bucket; for resolved settings only."""
        assert self.bucket, "call settings.resolved first"
        return self.bucket

    @property
    def role_arn(self) -> str:
        """The execution role's ARN; for resolved settings only."""
        assert self.role, "call settings.resolved first"
        return self.role

    @property
    def account_id(self) -> str:
        """The account; for resolved settings only."""
        assert self.account, "call settings.resolved first"
        return self.account
