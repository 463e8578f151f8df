from __future__ import annotations

import pytest
from pipeline_steps import condition, definition, fail, lambda_step, processing

from sagemaker_emulator.sagemaker.pipelines.language.definition import parse
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import DefinitionError
from sagemaker_emulator.sagemaker.pipelines.language.reference import Reference
from sagemaker_emulator.sagemaker.pipelines.language.reference_targets import check_target

DEFINITION = parse(
    definition(
        processing("Prepare"),
        lambda_step("Deploy", "deploy", {}, ["status"]),
        condition("Check", [], [fail("TooLow")]),
        {"Name": "Tune", "Type": "Tuning"},
        parameters=[{"Name": "Threshold", "Type": "Float"}],
    )
)


def check(reference: str) -> None:
    step = DEFINITION.steps["TooLow"]
    check_target(DEFINITION, step, "ErrorMessage", Reference.parse(reference))


@pytest.mark.parametrize(
    "reference",
    [
        "Parameters.Threshold",
        "Execution.PipelineName",
        "Steps.Prepare.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri",
        "Steps.Prepare.PropertyFiles.Report",
        "Steps.Deploy.OutputParameters['status']",
        "Steps.Check.Outcome",
        "Steps.Tune.BestTrainingJob.TunedHyperParameters['lr']",
        "Steps.Tune.TrainingJobSummaries[0].TrainingJobName",
    ],
)
def test_reference_to_an_existing_target_is_accepted(reference: str) -> None:
    check(reference)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        pytest.param(
            "Parameters.Nope",
            "step 'TooLow', ErrorMessage: 'Parameters.Nope' refers to no declared parameter. "
            "Parameters: Threshold",
            id="parameter",
        ),
        pytest.param("Execution.Nope", "refers to no execution variable", id="variable"),
        pytest.param("Steps.Nope.X", "refers to no step of this pipeline", id="step"),
        pytest.param("Steps.TooLow.X", "refers to the step itself", id="itself"),
        pytest.param("Steps.Prepare.Output", "has no 'Output'", id="property"),
        pytest.param(
            "Steps.Prepare.ProcessingJobName.x",
            "ProcessingJobName is a single value and has no 'x'",
            id="member of a single value",
        ),
        pytest.param(
            "Steps.Prepare.ProcessingOutputConfig.Outputs['x'].S3Output.S3Uri",
            "refers to no output of step 'Prepare'. Outputs: out",
            id="output",
        ),
        pytest.param(
            "Steps.Prepare.PropertyFiles.Nope",
            "refers to no property file of step 'Prepare'. Declared: Report",
            id="property file",
        ),
        pytest.param(
            "Steps.Deploy.OutputParameters['x']",
            "refers to no declared OutputParameters of step 'Deploy'. Declared: status",
            id="output parameter",
        ),
        pytest.param(
            "Steps.Check.Nope",
            "refers to a property that a Condition step does not have",
            id="property of a condition",
        ),
    ],
)
def test_reference_to_nothing_is_refused(reference: str, message: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        check(reference)
    assert message in str(raised.value)
