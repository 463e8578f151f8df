"""Train: the final training, with the best trial's values and the debug rules."""

from typing import Any

from sagemaker.core.shapes import MetricDefinition
from sagemaker.core.training.configs import CheckpointConfig
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.steps import TrainingStep

from pipelines.builders.context import Context
from pipelines.builders.service_rules import RuledTrainingStep
from pipelines.builders.trainer import METRICS, channels, trainer
from pipelines.settings import NAME

TUNED = ("lr", "batch-size", "epochs")


def train_step(context: Context, prepare: Any, tune: Any) -> TrainingStep:
    """The Training step that runs `steps/train.py` with what Tune found."""
    best = tune.properties.BestTrainingJob.TunedHyperParameters
    debug = context.settings.debug
    job = trainer(
        context,
        "Train",
        {
            **{name: best[name] for name in TUNED},
            "debug": str(debug.rules).lower(),
            "stop-on-issue": str(debug.rules and debug.stop_on_issue).lower(),
        },
        checkpoint_config=CheckpointConfig(s3_uri=checkpoints(context, prepare, tune)),
    ).with_metric_definitions(
        [MetricDefinition(name=name, regex=regex) for name, regex in METRICS.items()]
    )
    return RuledTrainingStep(
        "Train",
        description="Train the model with the best trial's values, watched by the debug rules.",
        step_args=job.train(input_data_config=channels(prepare)),
        cache_config=context.cache,
        retry_policies=context.job_retries,
        context=context if debug.service_rules else None,
    )


def checkpoints(context: Context, prepare: Any, tune: Any) -> Join:
    """Where a training that is interrupted finds its last epoch again.

    The address names what the training depends on (images, code, hyperparameters) and not the
    execution: SageMaker's step cache compares it, and a resumed training must find its own.
    """
    parameter = context.parameters
    best = tune.properties.BestTrainingJob.TunedHyperParameters
    return Join(
        on="/",
        values=[
            f"s3://{context.settings.bucket_name}/{NAME}/checkpoints",
            prepare.properties.ProcessingJobName,
            context.code["train"].sha,
            parameter["Backbone"],
            parameter["ImageSize"].to_string(),
            parameter["Seed"].to_string(),
            *(best[name] for name in TUNED),
        ],
    )
