"""The pipeline on one page: Prepare -> Tune -> Train -> Evaluate -> CheckAccuracy -> Register.

It is compiled offline; unchanged code and settings give identical bytes (see jobs.py).
"""

import json

from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.parameter import ContinuousParameter
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep, TuningStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train.tuner import HyperparameterTuner

from jobs import CACHE, Jobs, output
from target import Settings

OBJECTIVE = "validation:accuracy"
METRICS = {OBJECTIVE: r"validation_accuracy=([0-9.]+)", "train:loss": r"train_loss=([0-9.]+)"}


def pipeline(settings: Settings) -> Pipeline:
    """The parameters, and the steps with what each takes from those before it."""
    jobs, rate = Jobs(settings), settings.learning_rate
    data = ParameterString("Data", f"s3://{settings.bucket}/data/")
    epochs = ParameterInteger("Epochs", settings.epochs)
    threshold = ParameterFloat("AccuracyThreshold", settings.accuracy_threshold)

    prepare = jobs.processing("Prepare", {"data": data}, ["train", "validation", "test"])

    tuner = HyperparameterTuner(
        jobs.trainer("Tune", {"epochs": epochs.to_string()}),
        objective_metric_name=OBJECTIVE,
        hyperparameter_ranges={
            "lr": ContinuousParameter(rate.min, rate.max, scaling_type="Logarithmic")
        },
        metric_definitions=[{"Name": name, "Regex": regex} for name, regex in METRICS.items()],
        max_jobs=settings.trials,
        base_tuning_job_name=f"{settings.name}-tune",
    )
    trials = tuner.tune(inputs=jobs.channels(prepare))
    tune = TuningStep("Tune", step_args=trials, cache_config=CACHE)

    best = tune.properties.BestTrainingJob.TunedHyperParameters
    trainer = jobs.trainer("Train", {"epochs": epochs.to_string(), "lr": best["lr"]})
    training = trainer.train(input_data_config=jobs.channels(prepare))
    train = TrainingStep("Train", step_args=training, cache_config=CACHE)
    model = train.properties.ModelArtifacts.S3ModelArtifacts

    report = PropertyFile("Report", output_name="evaluation", path="evaluation.json")
    tested = {"model": model, "test": output(prepare, "test")}
    evaluate = jobs.processing("Evaluate", tested, ["evaluation"], [report])
    accuracy = JsonGet("Evaluate", report, "multiclass_classification_metrics.accuracy.value")

    statistics = MetricsSource(
        content_type="application/json",
        s3_uri=Join("/", [output(evaluate, "evaluation"), "evaluation.json"]),
    )
    # Without `source_code`, which would add jobs that pack the model again: it has its code.
    version = ModelBuilder(
        s3_model_data_url=model,
        image_uri=settings.image,
        role_arn=settings.role,
        sagemaker_session=jobs.session,
    ).register(
        model_package_group_name=settings.name,
        content_types=["image/jpeg", "image/png"],
        response_types=["application/json"],
        inference_instances=[settings.endpoint_instance],
        transform_instances=[settings.endpoint_instance],
        approval_status="PendingManualApproval",
        model_metrics=ModelMetrics(model_statistics=statistics),
        customer_metadata_properties={"accuracy": Join("", [accuracy])},
    )
    register = ModelStep("Register", step_args=version)

    words = ["The accuracy is ", accuracy, "; AccuracyThreshold asks for ", threshold, "."]
    too_low = FailStep("AccuracyTooLow", error_message=Join("", words))
    check = ConditionStep(
        "CheckAccuracy",
        conditions=[ConditionGreaterThanOrEqualTo(accuracy, threshold)],
        if_steps=[register],
        else_steps=[too_low],
    )
    return Pipeline(
        settings.name,
        parameters=[data, epochs, threshold],
        steps=[prepare, tune, train, evaluate, check],
        sagemaker_session=jobs.session,
    )


def build(settings: Settings) -> str:
    """The definition as JSON."""
    return json.dumps(json.loads(pipeline(settings).definition()), indent=1)
