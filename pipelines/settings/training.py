"""Settings of training: what the tuner searches, and how a model learns."""

from typing import Literal

from pydantic import model_validator

from pipelines.settings import fields
from pipelines.settings.fields import NONE, Count, ShareBelowOne
from pipelines.settings.section import Section


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
