"""The step types that the emulator runs, and the SageMaker operations behind each."""

from dataclasses import dataclass

from botocore.model import StructureShape

from sagemaker_emulator.aws.dispatch import service_model


@dataclass(frozen=True)
class ResourceStepType:
    """A step type that is one SageMaker resource: created, described until done, stopped.

    Attributes:
        type: the step's Type.
        noun: the resource: `Create{noun}` is the operation whose request the Arguments become,
            `Describe{noun}` the one whose response becomes the step's properties; `{noun}Name`,
            `{noun}Arn` and `{noun}Status` are members of both.
        metadata: the key in the step's Metadata that holds the resource's ARN.
        has_status: whether it takes time until it is done; otherwise it is ready when created.
        succeeded: statuses that mean success.
        failed: statuses that mean failure.
        can_stop: whether there is an operation `Stop{noun}`.
        named_by_service: whether SageMaker makes the name; one in the Arguments becomes its prefix.
        longest_name: the most characters that a name may have.
        trials: a List operation whose response, best first, is part of the properties, too.
    """

    type: str
    noun: str
    metadata: str
    has_status: bool = True
    succeeded: tuple[str, ...] = ("Completed",)
    failed: tuple[str, ...] = ("Failed", "Stopped")
    can_stop: bool = True
    named_by_service: bool = True
    longest_name: int = 63
    trials: str | None = None

    @property
    def request(self) -> StructureShape:
        """The shape that the step's Arguments must fit."""
        shape = service_model("sagemaker").operation_model(f"Create{self.noun}").input_shape
        assert shape is not None
        return shape

    @property
    def responses(self) -> list[StructureShape]:
        """The shapes of the responses that the step's properties consist of."""
        names = [f"Describe{self.noun}", *([self.trials] if self.trials else [])]
        shapes = [service_model("sagemaker").operation_model(name).output_shape for name in names]
        return [shape for shape in shapes if shape is not None]


RESOURCE_STEPS: dict[str, ResourceStepType] = {
    step.type: step
    for step in (
        ResourceStepType("Processing", "ProcessingJob", "ProcessingJob"),
        ResourceStepType("Training", "TrainingJob", "TrainingJob"),
        ResourceStepType(
            "Tuning",
            "HyperParameterTuningJob",
            "TuningJob",
            longest_name=32,
            trials="ListTrainingJobsForHyperParameterTuningJob",
        ),
        ResourceStepType("Transform", "TransformJob", "TransformJob"),
        ResourceStepType("Model", "Model", "Model", has_status=False, can_stop=False),
        ResourceStepType("RegisterModel", "ModelPackage", "RegisterModel", can_stop=False),
        ResourceStepType(
            "EndpointConfig",
            "EndpointConfig",
            "EndpointConfig",
            has_status=False,
            can_stop=False,
            named_by_service=False,
        ),
        ResourceStepType(
            "Endpoint",
            "Endpoint",
            "Endpoint",
            succeeded=("InService",),
            failed=("Failed", "OutOfService", "UpdateRollbackFailed"),
            can_stop=False,
            named_by_service=False,
        ),
    )
}
_SPARK = (
    "Run the script in a Processing step whose image has pyspark, or call what runs it from a "
    "Lambda or Callback step."
)
_CHECK = "Compute it in a Processing step, and judge its report in a Condition step."
# The SDK's other step types (StepTypeEnum), and Glue, which only Studio's editor writes: what to
# do instead. A job of the SDK's NotebookJobStep and of `@step` is a Training step.
NOT_RUN = {
    "QualityCheck": _CHECK,
    "ClarifyCheck": _CHECK,
    "EMR": _SPARK,
    "EMRServerless": _SPARK,
    "Glue": _SPARK,
    "AutoML": "Search with a Tuning step over a training script of your own, for example one that "
    "uses AutoGluon, and register its best model with a RegisterModel step.",
}
SUPPORTED = (*RESOURCE_STEPS, "Condition", "Fail", "Lambda", "Callback")
RETRYABLE = ("Processing", "Training", "Tuning", "Model", "RegisterModel", "Transform")


def resource_name(
    resource: ResourceStepType, execution_id: str, step: str, suffix: str, prefix: str | None = None
) -> str:
    """Make the name that SageMaker gives to a step's resource.

    Args:
        resource: the step's type.
        execution_id: the execution's id, 12 characters.
        step: the step's name; shortened where it is too long.
        suffix: random characters that make each attempt's name unique.
        prefix: the name in the step's Arguments, which SageMaker takes as a prefix.
    """
    parts = [execution_id]
    if resource.longest_name >= 63:
        parts.insert(0, prefix or "pipelines")
    free = resource.longest_name - len("-".join([*parts, "", suffix]))
    middle = [step[:free].strip("-_").replace("_", "-")] if free > 0 else []
    return "-".join([*parts, *middle, suffix])
