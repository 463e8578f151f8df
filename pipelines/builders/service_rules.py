"""SageMaker's own Debugger rules and profiler, for accounts that still have them.

They are off by default: the service closed Debugger to new customers in 2026, and this project's
own rules watch every training on any target. SDK v3 has no argument for them, so they are added to
the request.
"""

from typing import Any

from sagemaker.core import image_uris
from sagemaker.core.debugger import (
    CollectionConfig,
    DebuggerHookConfig,
    ProfilerConfig,
    ProfilerRule,
    Rule,
    rule_configs,
)
from sagemaker.mlops.workflow.steps import TrainingStep

from pipelines import NAME
from pipelines.builders.context import BuildContext

DEBUG_RULES = (
    "vanishing_gradient",
    "overfit",
    "overtraining",
    "poor_weight_initialization",
    "loss_not_decreasing",
)
PROFILER_RULES = ("LowGPUUtilization", "ProfilerReport")
COLLECTIONS = ("losses", "gradients", "weights")
SAVE_INTERVALS = {"train.save_interval": "10", "eval.save_interval": "5"}
DEFAULT_IMAGE = "DEFAULT_RULE_EVALUATOR_IMAGE"


class RuledTrainingStep(TrainingStep):
    """A TrainingStep whose request also asks for the service's rules, unless `context` is None."""

    def __init__(self, name: str, *, context: BuildContext | None, **options: Any) -> None:
        super().__init__(name, **options)
        self._context = context

    @property
    def arguments(self) -> dict[str, Any]:
        """The request of CreateTrainingJob."""
        request: dict[str, Any] = super().arguments
        return {**request, **service_rules(self._context)} if self._context else request


def service_rules(context: BuildContext) -> dict[str, Any]:
    """The members of CreateTrainingJob that turn on the service's rules and profiler.

    SageMaker appends the job's name to both addresses.
    """
    root = f"s3://{context.settings.bucket_name}/{NAME}"
    image = image_uris.retrieve("debugger", context.settings.region)
    rules = [Rule.sagemaker(getattr(rule_configs, name)()) for name in DEBUG_RULES]
    profiler_rules = [ProfilerRule.sagemaker(getattr(rule_configs, n)()) for n in PROFILER_RULES]
    for rule in [*rules, *profiler_rules]:
        if rule.image_uri == DEFAULT_IMAGE:
            rule.image_uri = image
    hook = DebuggerHookConfig(
        s3_output_path=f"{root}/debugger",
        hook_parameters=SAVE_INTERVALS,
        collection_configs=[CollectionConfig(name) for name in COLLECTIONS],
    )
    profiler = ProfilerConfig(system_monitor_interval_millis=500, s3_output_path=f"{root}/profiler")
    return {
        "DebugHookConfig": hook._to_request_dict(),
        "DebugRuleConfigurations": [rule.to_debugger_rule_config_dict() for rule in rules],
        "ProfilerConfig": profiler._to_request_dict(),
        "ProfilerRuleConfigurations": [
            rule.to_profiler_rule_config_dict() for rule in profiler_rules
        ],
    }
