"""Evaluate: how well the model counts on images that it was not trained on."""

from typing import Any

from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.steps import ProcessingStep

from pipelines import evaluation_report
from pipelines.builders.context import BuildContext, output_of, processing_input

REPORT = PropertyFile(
    name="EvaluationReport", output_name="evaluation", path=evaluation_report.FILE
)


def evaluate_step(context: BuildContext, prepare: Any, train: Any) -> ProcessingStep:
    """The Processing step that runs `steps/evaluate.py` in the training image."""
    processor = context.processor(
        "Evaluate",
        "evaluate.py",
        context.settings.images.training,
        instance="EvaluationInstanceType",
        isolated=True,
    )
    parameter, quality = context.parameters, context.settings.quality
    arguments = {
        "--batch-size": str(context.settings.training.test_batch_size),
        "--match-precision": parameter["MatchPrecision"].to_string(),
        "--record-error-rate": parameter["RecordErrorRate"].to_string(),
        "--record-error-kinds": quality.record_error_kinds.text,
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
            outputs=[
                context.processing_output("Evaluate", "evaluation"),
                # One folder for the baselines of all models: watching finds them by the model's id.
                context.processing_output(
                    "Evaluate", "baselines", context.settings.baselines_address
                ),
            ],
            arguments=[text for pair in arguments.items() for text in pair],
        ),
        property_files=[REPORT],
        cache_config=context.cache,
        retry_policies=context.job_retries,
    )


def read(evaluate: Any, path: str) -> JsonGet:
    """A value of evaluation.json, by one of the paths in `evaluation_report`."""
    return JsonGet(step_name=evaluate.name, property_file=REPORT, json_path=path)


def evaluation_address(evaluate: Any) -> Join:
    """The address of evaluation.json."""
    return Join(on="/", values=[output_of(evaluate, "evaluation"), evaluation_report.FILE])
