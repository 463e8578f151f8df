"""The training job that Tune runs many times and Train once: the same code in the same image."""

import hashlib
from collections.abc import Mapping
from typing import Any

from sagemaker.core.shapes import Tag
from sagemaker.core.workflow.functions import Join
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import (
    Compute,
    InputData,
    Networking,
    OutputDataConfig,
    StoppingCondition,
)

from pipelines import NAME
from pipelines.builders.context import BuildContext, output_of
from pipelines.settings.fields import NONE
from pipelines.settings.training import Training

CHANNELS = ("train", "validation")
OBJECTIVE = "validation:accuracy"
# Printed by train.py after each epoch, and once more for the epoch that it keeps.
METRICS = {
    "train:loss": r"train_loss=([0-9.]+)",
    "train:accuracy": r"train_accuracy=([0-9.]+)",
    "validation:loss": r"validation_loss=([0-9.]+)",
    OBJECTIVE: r"validation_accuracy=([0-9.]+)",
    "validation:rmse": r"validation_rmse=([0-9.]+)",
    "images_per_second": r"images_per_second=([0-9.]+)",
}


def trainer(
    context: BuildContext,
    step: str,
    hyperparameters: Mapping[str, Any],
    **options: Any,
) -> ModelTrainer:
    """A training job that runs `steps/train.py`.

    Script mode's two hyperparameters name the code: a tuning job accepts no ContainerEntrypoint,
    and `source_code` would upload it to an address with a timestamp, which defeats the cache.

    Args:
        context: What the definition is built from.
        step: The step's name.
        hyperparameters: Those that only this step sets.
        options: Further arguments of ModelTrainer.
    """
    parameter, instances = context.parameters, context.settings.instances
    uri, security = context.settings.tracking.mlflow_uri, context.settings.security
    network = None
    if security.subnets or security.isolated:
        network = Networking(
            subnets=list(security.subnets) or None,
            security_group_ids=list(security.security_groups) or None,
            enable_network_isolation=security.isolated or None,
        )
    return ModelTrainer(
        training_image=context.settings.images.training,
        role=context.settings.role_arn,
        sagemaker_session=context.session,
        base_job_name=f"{context.settings.name}-{step.lower()}",
        compute=Compute(
            instance_type=parameter["TrainingInstanceType"],
            instance_count=instances.training_count,
            enable_managed_spot_training=instances.spot or None,
            volume_size_in_gb=instances.volume_gb,
            volume_kms_key_id=context.volume_key("TrainingInstanceType"),
        ),
        stopping_condition=StoppingCondition(
            max_runtime_in_seconds=context.max_seconds,
            # A job may wait for spot instances as long again as it may run.
            max_wait_time_in_seconds=2 * context.max_seconds if instances.spot else None,
        ),
        output_data_config=OutputDataConfig(
            s3_output_path=context.output_address(step), kms_key_id=security.kms_key or None
        ),
        networking=network,
        hyperparameters={
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": context.code["train"].tarball(context.settings),
            "counts": parameter["Classes"],
            "backbone": parameter["Backbone"],
            "image-size": parameter["ImageSize"].to_string(),
            "seed": parameter["Seed"].to_string(),
            **from_settings(context.settings.training),
            **hyperparameters,
        },
        environment={"MLFLOW_TRACKING_URI": uri} if uri else {},
        tags=[Tag(key=tag["Key"], value=tag["Value"]) for tag in context.settings.tag_list],
        **options,
    )


def from_settings(training: Training) -> dict[str, str]:
    """The settings that are hyperparameters of `steps/train.py` by the same name."""
    # Two are pipeline parameters, one a channel and one the job's time limit.
    values = training.model_dump(exclude={"backbone", "image_size", "pretrained", "max_hours"})
    chosen = {
        name.replace("_", "-"): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
    }
    return {**chosen, "pretrained": "false"} if training.pretrained == NONE else chosen


def channels(context: BuildContext, prepare: Any) -> list[InputData]:
    """The images from Prepare, and the weights to start from where the settings name them."""
    sources = {name: output_of(prepare, name) for name in CHANNELS}
    if (weights := context.settings.training.pretrained) and weights != NONE:
        sources["pretrained"] = weights
    return [InputData(channel_name=name, data_source=uri) for name, uri in sources.items()]


def checkpoints(context: BuildContext, prepare: Any, *parts: Any) -> Join:
    """The address at which an interrupted training finds its last epoch.

    The address names what the training depends on (images, code, hyperparameters) and not the
    execution: SageMaker's step cache compares it, and a resumed training must find its own.

    Args:
        context: What the definition is built from.
        prepare: The Prepare step.
        parts: Further parts of the address, which distinguish trainings.
    """
    parameter, weights = context.parameters, context.settings.training.pretrained
    return Join(
        on="/",
        values=[
            f"s3://{context.settings.bucket_name}/{NAME}/checkpoints",
            prepare.properties.ProcessingJobName,
            context.code["train"].sha,
            parameter["Backbone"],
            parameter["ImageSize"].to_string(),
            parameter["Seed"].to_string(),
            *parts,
            *([hashlib.sha256(weights.encode()).hexdigest()[:8]] if weights else []),
            "last",  # S3 compares prefixes, and `.../1` is a prefix of `.../10`
        ],
    )
