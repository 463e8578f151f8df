"""The settings: every key with its type, its default and what it means.

A key without a default here is one in which the targets differ: `local.yaml` and `aws.yaml` beside
this file set it. `python pipeline.py settings` shows the values, and where each comes from.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

from pipelines import NAME
from pipelines.settings import fields, names
from pipelines.settings.fields import NONE as NONE
from pipelines.settings.fields import Count, CountOrZero, InstanceType, ShareBelowOne

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import TagTypeDef

# SageMaker ends a deployment after eight hours; an hour of them is for starting the instances.
LONGEST_BAKE = 7 * 3600
ApprovalStatus = Literal["PendingManualApproval", "Approved", "Rejected"]


class Section(BaseModel):
    """Settings that belong together; frozen and strict, so that a mistake never passes silently.

    The text below a key is its description, which commands and error messages show.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )


class LearningRates(Section):
    """Learning rates that the tuner tries."""

    min: fields.Rate
    """Lowest learning rate that the tuner tries."""
    max: fields.Rate
    """Highest learning rate that the tuner tries."""

    @model_validator(mode="after")
    def _check_order(self) -> "LearningRates":
        if not self.min < self.max:
            raise ValueError(f"min ({self.min}) must be below max ({self.max})")
        return self


class Epochs(Section):
    """Numbers of epochs that the tuner tries."""

    min: Count
    """Fewest epochs that the tuner tries."""
    max: Count
    """Most epochs that the tuner tries."""

    @model_validator(mode="after")
    def _check_order(self) -> "Epochs":
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) must not be above max ({self.max})")
        return self


class Images(Section):
    """Container images; null: the account's registry and tally-NAME:HASH, shared by all stages.

    HASH is the hash of the image's folder in containers/, which the emulator runs directly.
    """

    processing: fields.Image = None
    """Image of Prepare."""
    training: fields.Image = None
    """Image of Tune, Train and Evaluate."""
    inference: fields.Image = None
    """Image of the endpoint and of batch scoring."""
    from_ecr: bool
    """true: `setup` makes image repositories, `make images` fills them, `upsert` requires them."""
    stop_at: Literal["none", "critical", "high"] = "none"
    """Severity of ECR's findings in the endpoint's image at which no version is promoted."""

    @model_validator(mode="after")
    def _check_scan(self) -> "Images":
        if self.stop_at != "none" and not self.from_ecr:
            raise ValueError(
                f"stop_at: {self.stop_at} needs images that ECR scans (from_ecr: true)"
            )
        return self


class Serverless(Section):
    """A new endpoint without instances, which is paid by the request and may start slowly."""

    memory_mb: fields.ServerlessMemory = 0
    """Memory of a new endpoint's serverless variant in MB; 0: it has instances."""
    max_concurrency: fields.Concurrency = 5
    """Most requests at the same time; further ones are refused."""


class Instances(Section):
    """Instance types of the jobs and the endpoint; on this machine all are this machine.

    Prices and limits: `aws service-quotas list-service-quotas --service-code sagemaker`.
    """

    processing: InstanceType
    """Instance type of Prepare."""
    training: InstanceType
    """Instance type of Tune and Train."""
    training_count: Count = 1
    """Instances that train one model together, in each trial too (more than one: AWS only)."""
    spot: bool = False
    """Use spot instances for Tune and Train: cheaper; interrupted jobs resume from a checkpoint."""
    evaluation: InstanceType
    """Instance type of Evaluate."""
    inference: InstanceType = "ml.m5.large"
    """Instance type of the endpoint. Its image runs on CPUs only, so a GPU would be idle."""
    inference_count: fields.Instances
    """Instances of a new endpoint. A canary needs two or more; on this machine all are one."""
    serverless: Serverless = Serverless()
    volume_gb: Count
    """Disk of each job in GB. The public images take about 30 GB; use 60 with subset_size 0."""


class Data(Section):
    """Bin images to learn from."""

    source: fields.ImageSource
    """Bins: ABID's layout, folders by count, or a CSV file,count. `start` uploads a folder."""
    further: fields.FurtherSource = ""
    """Further bins whose shares of counts are wrong: learnt from, never judged on; none: none."""
    audits: fields.AuditSource = ""
    """Audits, as in s3://BUCKET/tally/audits: their counts replace the records'; none: none."""
    file_list: fields.FileList = ""
    """A file_list.json that names the images of each class; none: a balanced subset."""
    subset_size: CountOrZero
    """Number of images, balanced over the classes; 0: every image."""
    classes: fields.Classes
    """Item counts to learn; 0-5 adds empty bins; in 0-6+ the last is "6 or more"."""
    learn_from: Literal["classes", "all"] = "classes"
    """all: train on bins of other counts too (0, 6, 7, ...); they are never scored."""
    contradictions: Literal["keep", "leave-out"] = "keep"
    """Bins whose items' quantities do not add up to their count."""
    store_size: CountOrZero = 0
    """Store training images as squares of this many pixels: smaller, faster to read; 0: as is."""
    split: fields.Split = "8:1:1"
    """Shares of train, validation and test."""
    seed: CountOrZero = 0
    """Random seed for sampling, splitting and training."""


class Training(Section):
    """Training options, the same for every trial; passed to `steps/train.py` by name."""

    backbone: fields.Backbone
    """Pretrained network: resnet50, efficientnet_lite0 or another name that timm knows."""
    pretrained: fields.Weights = ""
    """Folder or s3:// prefix with BACKBONE.pth (weights); none: random; empty: ImageNet's."""
    image_size: fields.Pixels
    """Width and height in pixels of the images that the network sees; larger is slower."""
    test_batch_size: Count = 100
    """Images per batch in validation and evaluation."""
    loss: Literal["soft-ordinal", "cross-entropy", "coral", "corn", "expected-count"] = (
        "soft-ordinal"
    )
    """Loss function. All but cross-entropy use the order of the counts."""
    label_width: fields.NotNegative = 0.6
    """Standard deviation in items of a soft-ordinal label."""
    label_smoothing: ShareBelowOne = 0.1
    """Label smoothing of cross-entropy and expected-count."""
    dropout: ShareBelowOne = 0.2
    """Share of the features that the head ignores in each step."""
    freeze: fields.Stages = 0
    """Backbone stages that stay unchanged; -1: all, with features computed once per job."""
    head_rate: fields.Positive = 6.0
    """How many times faster the new head learns than the backbone."""
    schedule: Literal["one-cycle", "cosine", "constant"] = "one-cycle"
    """Learning-rate schedule."""
    weight_decay: fields.NotNegative = 0.02
    """AdamW's weight decay; larger keeps the weights smaller."""
    ema: ShareBelowOne = 0.998
    """Decay of the moving average of the weights, which is validated and kept; 0: no average."""
    augment: Literal["light", "standard"]
    """Image augmentation: light for short trainings, standard for long ones."""
    mixup: fields.NotNegative
    """Alpha of mixup; 0: images are not mixed. 0.2 suits long trainings."""
    balanced: bool = False
    """Show every count equally often."""
    growing: bool = False
    """Train on smaller images in the first epochs."""
    mirrored: bool = True
    """Predict with the mean over an image and its mirror image."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic; auto: bfloat16 on a GPU that supports it (g5 and later), else float32."""
    compile: bool = False
    """Use torch.compile: minutes to start, needs a C++ compiler, slower on most CPUs."""
    label_noise: fields.LabelNoise
    """measure: report labels that are probably wrong (seconds); leave-out: train without them."""
    max_hours: fields.Positive
    """Time limit of each job in hours."""

    @model_validator(mode="after")
    def _check_features(self) -> "Training":
        if self.pretrained == NONE and self.label_noise != "off":
            raise ValueError(
                f"label_noise {self.label_noise} judges labels by the features of a pretrained "
                "network; with pretrained: none, set label_noise: off"
            )
        return self


class Tuning(Section):
    """What the tuner searches, and how long."""

    learning_rate: LearningRates
    epochs: Epochs
    batch_sizes: fields.BatchSizes
    """Batch sizes that the tuner tries."""
    max_trials: Count
    """Training jobs that the tuner may run."""
    max_parallel_trials: Count
    """Trials at the same time; few search better, as each learns from the finished ones."""


class Debug(Section):
    """Debug rules that watch the final training."""

    rules: bool = True
    """Watch the final training with this project's seven debug rules."""
    stop_on_issue: bool = False
    """End the training early at an issue that later steps cannot correct."""
    service_rules: bool = False
    """SageMaker's own Debugger rules and profiler: AWS only, and closed to new customers."""


class Tracking(Section):
    """Experiment tracking."""

    mlflow_uri: fields.TrackingServer = ""
    """MLflow server. Empty: the emulator's own database (`emulator status`); on AWS logs only."""


class RecordErrorKinds(Section):
    """How wrong stock records are assumed to be wrong: shares, relative to each other."""

    miscounted: fields.NotNegative = 0.4
    """A quantity is wrong by 1, 2 or 3."""
    item_not_there: fields.NotNegative = 0.2
    """An item is listed that is not in the bin."""
    item_not_listed: fields.NotNegative = 0.2
    """An item is in the bin that is not listed."""
    exchanged: fields.NotNegative = 0.2
    """The record is another bin's."""

    @model_validator(mode="after")
    def _check_any(self) -> "RecordErrorKinds":
        if not any(self.model_dump().values()):
            raise ValueError("every kind has the share 0; give one of them more")
        return self

    @property
    def text(self) -> str:
        """The kinds as a job's argument: `miscounted=0.4,item_not_there=0.2,...`."""
        return ",".join(f"{name}={share:g}" for name, share in self.model_dump().items())


class Quality(Section):
    """What a model must reach, and how it enters the registry."""

    accuracy_threshold: fields.Share
    """Lowest test accuracy at which a model is registered."""
    min_found_share: fields.Share = 0.0
    """Lowest share of wrong records found at which a model is registered."""
    match_precision: fields.PartialShare = 0.95
    """Share of correct records required among the bins that pass without a person."""
    record_error_rate: fields.PartialShare = 0.1
    """Share of wrong stock records that the decision about a bin assumes."""
    record_error_kinds: RecordErrorKinds = RecordErrorKinds()
    approval_status: ApprovalStatus = "PendingManualApproval"
    """Initial approval status of a new version. Run `setup` after changing it."""


class Rollout(Section):
    """How an approved version replaces the one that serves, and what takes it back."""

    type: Literal["all_at_once", "canary", "linear"] = "canary"
    """How traffic moves: all at once, a canary first, or in steps; one instance: all at once."""
    percent: fields.StepPercent = 10
    """Share of the requests that a canary gets, or a step of linear (10 or more), in percent."""
    bake: fields.BakeSeconds
    """Seconds for which the alarms are watched after each step; 0: no time for an alarm."""
    alarms: fields.Alarms = fields.ALARMS
    """Alarms that bring the former version back: errors, latency, self-test; []: no rollback."""
    max_error_share: fields.PartialShare = 0.02
    """Share of requests answered with 5xx above which the alarm of errors goes off."""
    max_latency: fields.Positive = 5.0
    """Mean seconds that the model takes to answer above which the alarm of latency goes off."""

    @model_validator(mode="after")
    def _check_steps(self) -> "Rollout":
        if self.type == "linear" and self.percent < 10:
            raise ValueError(f"percent must be at least 10 with type: linear, not {self.percent}")
        steps = -(-100 // self.percent) if self.type == "linear" else 2
        if steps * self.bake > LONGEST_BAKE:
            raise ValueError(
                f"{steps} steps of {self.bake} seconds (bake) take longer than the "
                f"{LONGEST_BAKE} seconds that SageMaker allows for a deployment's waits; set a "
                "shorter bake or a larger percent"
            )
        return self


class Capture(Section):
    """Answers of the endpoint that are kept, for `watch`; photos are never kept."""

    percent: fields.Percent = 0
    """Share of the answers that are kept in S3, in percent; 0: none. From the next promotion."""


class Scaling(Section):
    """Instances of the endpoint by the number of its requests (Application Auto Scaling)."""

    min: fields.Instances = 1
    """Fewest instances."""
    max: fields.InstancesOrNone = 0
    """Most instances; 0: nothing scales the endpoint. From `setup` and the next promotion."""
    invocations_per_instance: fields.Positive = 300.0
    """Requests a minute to each instance that the number of instances keeps to."""

    @model_validator(mode="after")
    def _check_order(self) -> "Scaling":
        if self.max and self.min > self.max:
            raise ValueError(f"min ({self.min}) must not be above max ({self.max})")
        return self


class Running(Section):
    """How the pipeline runs its steps."""

    parallelism: Count
    """Steps at the same time."""
    cache_days: CountOrZero = 30
    """Days in which a step with the same inputs is not run again; 0: always run."""


class Cost(Section):
    """What an execution costs."""

    prices: str = ""
    """Your own prices over pipelines/prices.yaml: a YAML file of the same form; empty: none."""


class Security(Section):
    """Networks, keys, logs and a budget on AWS; this machine has none of them."""

    subnets: fields.Subnets = ()
    """Subnets of every job and the endpoint; they must reach S3, ECR and logs. []: AWS's own."""
    security_groups: fields.SecurityGroups = ()
    """Security groups of what runs in these subnets."""
    isolated: bool = False
    """Let all but Prepare, which fetches images, reach nothing: jobs, endpoint, batch scoring."""
    kms_key: fields.KmsKey = ""
    """KMS key of disks (endpoint's, jobs'), outputs and a new bucket; empty: AWS's own keys."""
    log_days: fields.LogDays = 0
    """Days in which the logs of the promotion function and the endpoint are kept; 0: for ever."""
    budget: fields.NotNegative = 0.0
    """USD a month for what is tagged project: tally; AWS writes above 80 % of it. 0: no budget."""
    budget_email: fields.Email = ""
    """Address that AWS writes to about the budget."""

    @model_validator(mode="after")
    def _check_pairs(self) -> "Security":
        if bool(self.subnets) != bool(self.security_groups):
            raise ValueError("subnets and security_groups need each other; set both or none")
        if self.budget and not self.budget_email:
            raise ValueError("budget needs budget_email")
        return self


class SharedRegistry(Section):
    """A model registry that several accounts promote from; this machine has one account."""

    consumers: fields.Accounts = ()
    """Accounts that may promote the versions of this account's group; `setup` lets them read."""
    group: fields.ModelGroup = ""
    """Another account's model package group, to promote its versions here; empty: this one's."""

    @model_validator(mode="after")
    def _check_side(self) -> "SharedRegistry":
        if self.consumers and self.group:
            raise ValueError("consumers are for the registry's account, group for the others")
        return self

    @property
    def account(self) -> str:
        """The account of `group`; "" for none."""
        return self.group.split(":")[4] if self.group else ""

    @property
    def name(self) -> str:
        """The name of `group`; "" for none."""
        return self.group.rpartition("/")[2]


class Desk(Section):
    """The desk: pages in the browser on which people check bins."""

    host: str = "127.0.0.1"
    """Address that the desk listens on; 0.0.0.0: every network of this machine, for phones."""
    port: fields.Port = 5590
    """Port of the desk."""
    records: str = ""
    """Stock records by id: a folder of ID.json, or a CSV with the column image; none: type them."""
    audit_share: fields.Share = 0.05
    """Share of the bins that passed which the desk has audited all the same."""
    photo_days: CountOrZero = 14
    """Days in which the desk keeps a shift's photos on this machine."""


class Watch(Section):
    """Watching the endpoint: do photos and answers still look like those of the test?"""

    schedule: str = ""
    """How often `setup` has it watched, such as rate(1 day) or cron(0 6 * * ? *); empty: never."""
    window_days: Count = 7
    """Days of answers that a run looks at."""
    false_alarms: fields.PartialShare = 0.01
    """Probability that a run raises anything although nothing has changed."""
    retrain: bool = False
    """true: a change starts the pipeline, which ends with a version that waits for approval."""


class Settings(Section):
    """Everything about one target. After `resolved`, nothing in it is null."""

    target: Literal["local", "aws"]
    """Where the pipeline runs, and which target's values a settings file changes."""
    stage: names.Stage = "prod"
    """dev, staging or prod; each has resources of its own: tally-dev, tally-staging, tally."""
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
