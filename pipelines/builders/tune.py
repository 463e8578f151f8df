"""Tune: search learning rate, batch size and epochs."""

from collections.abc import Mapping
from typing import Any

from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.training.configs import CheckpointConfig
from sagemaker.mlops.workflow.steps import TuningStep
from sagemaker.train.tuner import HyperparameterTuner

from pipelines.builders.context import BuildContext
from pipelines.builders.trainer import METRICS, OBJECTIVE, channels, checkpoints, trainer

# Only the final training is watched, and gets what an endpoint needs besides the count.
UNWATCHED = {"debug": "false", "profile": "false", "export": "none", "decision": "none"}


class LimitedTuningStep(TuningStep):
    """A TuningStep whose limits and seed are pipeline parameters, with the settings' security.

    SageMaker accepts expressions there, and the SDK's documentation says so, but its request shapes
    accept only whole numbers; so the parameters are put into the finished request. So are the key
    of the disks and the isolation, which the SDK's tuner does not take over from its trainer.
    """

    def __init__(
        self,
        name: str,
        *,
        parameters: Mapping[str, Any],
        isolated: bool,
        volume_key: str | None,
        **options: Any,
    ) -> None:
        super().__init__(name, **options)
        self._parameters = parameters
        self._isolated = isolated
        self._volume_key = volume_key

    @property
    def arguments(self) -> dict[str, Any]:
        """The request of CreateHyperParameterTuningJob."""
        request: dict[str, Any] = super().arguments
        configuration = request["HyperParameterTuningJobConfig"]
        configuration["ResourceLimits"] |= {
            "MaxNumberOfTrainingJobs": self._parameters["MaxTrials"],
            "MaxParallelTrainingJobs": self._parameters["MaxParallelTrials"],
        }
        configuration["RandomSeed"] = self._parameters["Seed"]
        job = request["TrainingJobDefinition"]
        if self._isolated:
            job["EnableNetworkIsolation"] = True
        if self._volume_key:
            job["ResourceConfig"]["VolumeKmsKeyId"] = self._volume_key
        return request


def tune_step(context: BuildContext, prepare: Any) -> TuningStep:
    """The Tuning step that runs `steps/train.py` once for each trial."""
    parameter = context.parameters
    tuner = HyperparameterTuner(
        trainer(
            context,
            "Tune",
            {**UNWATCHED, **_labels(context)},
            checkpoint_config=_checkpoints(context, prepare),
        ),
        objective_metric_name=OBJECTIVE,
        objective_type="Maximize",
        strategy="Bayesian",
        hyperparameter_ranges={
            "lr": ContinuousParameter(
                parameter["LearningRateMin"],
                parameter["LearningRateMax"],
                scaling_type="Logarithmic",
            ),
            "batch-size": CategoricalParameter(list(context.settings.tuning.batch_sizes)),
            "epochs": IntegerParameter(parameter["EpochsMin"], parameter["EpochsMax"]),
        },
        metric_definitions=[{"Name": name, "Regex": regex} for name, regex in METRICS.items()],
        max_jobs=context.settings.tuning.max_trials,
        max_parallel_jobs=context.settings.tuning.max_parallel_trials,
        base_tuning_job_name=f"{context.settings.name}-tune",
        tags=context.settings.tag_list,
    )
    return LimitedTuningStep(
        "Tune",
        description="Search learning rate, batch size and epochs.",
        step_args=tuner.tune(inputs=channels(context, prepare)),
        cache_config=context.cache,
        retry_policies=context.job_retries,
        parameters=parameter,
        isolated=context.settings.security.isolated,
        volume_key=context.volume_key("TrainingInstanceType"),
    )


def _checkpoints(context: BuildContext, prepare: Any) -> CheckpointConfig | None:
    """Where trials on spot instances keep their last epoch, each below its own name."""
    if not context.settings.instances.spot:
        return None
    return CheckpointConfig(s3_uri=checkpoints(context, prepare, "trials"))


def _labels(context: BuildContext) -> dict[str, str]:
    """Measure label noise in the final training only: trials have the same images."""
    if context.settings.training.label_noise == "measure":
        return {"label-noise": "off"}
    return {}
