"""Evaluate: measure the model, and the approved model, on images that neither has seen."""

from typing import Any

from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.steps import ProcessingStep

from pipelines.builders.context import BuildContext, output_of, processing_input

FILE = "evaluation.json"
REPORT = PropertyFile(name="EvaluationReport", output_name="evaluation", path=FILE)


def evaluate_step(context: BuildContext, prepare: Any, train: Any) -> ProcessingStep:
    """The Processing step that runs `steps/evaluate.py` in the training image."""
    processor = context.processor(
        "Evaluate",
        "evaluate.py",
        context.settings.images.training,
        instance="EvaluationInstanceType",
    )
    quality = context.settings.quality
    arguments = {
        "--batch-size": str(context.settings.training.test_batch_size),
        "--match-precision": str(quality.match_precision),
        "--books-wrong": str(quality.record_error_rate),
    }
    return ProcessingStep(
        "Evaluate",
        description="Measure the model on the test images.",
        step_args=processor.run(
            inputs=[
                context.code_input("evaluate"),
                processing_input("model", train.properties.ModelArtifacts.S3ModelArtifacts),
                processing_input("approved", context.parameters["ApprovedModel"]),
                processing_input("test", output_of(prepare, "test")),
                processing_input("validation", output_of(prepare, "validation")),
                processing_input("manifest", output_of(prepare, "manifest")),
            ],
            outputs=[context.processing_output("Evaluate", "evaluation")],
            arguments=[text for pair in arguments.items() for text in pair],
        ),
        property_files=[REPORT],
        cache_config=context.cache,
        retry_policies=context.job_retries,
    )


def accuracy(evaluate: Any) -> JsonGet:
    """The model's accuracy on the test images."""
    return _value(evaluate, "multiclass_classification_metrics.accuracy.value")


def approved_accuracy(evaluate: Any) -> JsonGet:
    """The approved model's accuracy on the images that both are compared on; 0 without one."""
    return _value(evaluate, "tally.approved.accuracy.value")


def accuracy_to_reach(evaluate: Any) -> JsonGet:
    """As approved_accuracy; also 0 if the approved model was trained on nearly all test images."""
    return _value(evaluate, "tally.approved.must_reach.value")


def compared_accuracy(evaluate: Any) -> JsonGet:
    """The model's accuracy on the images that the approved model is measured on."""
    return _value(evaluate, "tally.approved.candidate_accuracy.value")


def evaluation_address(evaluate: Any) -> Join:
    """The address of evaluation.json."""
    return Join(on="/", values=[output_of(evaluate, "evaluation"), FILE])


def _value(evaluate: Any, path: str) -> JsonGet:
    return JsonGet(step_name=evaluate.name, property_file=REPORT, json_path=path)
