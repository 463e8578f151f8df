"""Train: the final training, with the best trial's values and the debug rules."""

from typing import Any

from sagemaker.core.shapes import MetricDefinition
from sagemaker.core.training.configs import CheckpointConfig
from sagemaker.mlops.workflow.steps import TrainingStep

from pipelines.builders.context import BuildContext
from pipelines.builders.service_rules import RuledTrainingStep
from pipelines.builders.trainer import METRICS, channels, checkpoints, trainer

TUNED = ("lr", "batch-size", "epochs")


def train_step(context: BuildContext, prepare: Any, tune: Any) -> TrainingStep:
    """The Training step that runs `steps/train.py` with the best trial's values."""
    best = tune.properties.BestTrainingJob.TunedHyperParameters
    parameter, debug = context.parameters, context.settings.debug
    job = trainer(
        context,
        "Train",
        {
            **{name: best[name] for name in TUNED},
            "match-precision": parameter["MatchPrecision"].to_string(),
            "record-error-rate": parameter["RecordErrorRate"].to_string(),
            "record-error-kinds": context.settings.quality.record_error_kinds.text,
            "export": "required" if context.settings.serves_in_own_image else "auto",
            "debug": str(debug.rules).lower(),
            "stop-on-issue": str(debug.rules and debug.stop_on_issue).lower(),
        },
        checkpoint_config=CheckpointConfig(
            s3_uri=checkpoints(context, prepare, *(best[name] for name in TUNED))
        ),
    ).with_metric_definitions(
        [MetricDefinition(name=name, regex=regex) for name, regex in METRICS.items()]
    )
    return RuledTrainingStep(
        "Train",
        description="Train the model with the best trial's values, watched by the debug rules.",
        step_args=job.train(input_data_config=channels(context, prepare)),
        cache_config=context.cache,
        retry_policies=context.job_retries,
        context=context if debug.service_rules else None,
    )
