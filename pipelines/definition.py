r"""The pipeline on one page. Each step is explained in its file in `builders/`.

Prepare -> Tune -> Train -> Evaluate -> CheckAccuracy -> Register -> Deploy
                                                    \-> AccuracyTooLow

Importing this module imports the SageMaker SDK; only `upsert` does, when something changed.
"""

import json
import sys
import warnings
from collections.abc import Mapping

# `builders` comes first: it sets what the SDK needs when it is imported.
from pipelines.builders.check import accuracy_too_low_step, check_accuracy_step
from pipelines.builders.context import BuildContext
from pipelines.builders.deploy import deploy_step
from pipelines.builders.evaluate import evaluate_step
from pipelines.builders.prepare import prepare_step
from pipelines.builders.register import register_step
from pipelines.builders.train import train_step
from pipelines.builders.tune import tune_step
from pipelines.settings.model import Settings
from pipelines.upload.code import Bundle, bundles

from sagemaker.mlops.workflow.pipeline import Pipeline  # isort: skip


def pipeline(context: BuildContext) -> Pipeline:
    """The steps and their dependencies."""
    prepare = prepare_step(context)
    tune = tune_step(context, prepare)
    train = train_step(context, prepare, tune)
    evaluate = evaluate_step(context, prepare, train)
    register = register_step(context, train, evaluate)
    deploy = deploy_step(context, register)
    too_low = accuracy_too_low_step(context, evaluate)
    check = check_accuracy_step(context, evaluate, if_good=[register, deploy], otherwise=[too_low])
    return Pipeline(
        context.settings.name,
        parameters=list(context.parameters.values()),
        steps=[prepare, tune, train, evaluate, check],
        sagemaker_session=context.session,
    )


def build(settings: Settings, code: Mapping[str, Bundle]) -> str:
    """Compile the pipeline, offline.

    Args:
        settings: Resolved settings.
        code: The bundle of each step, from `pipelines.upload.code.bundles`.

    Returns:
        The definition as JSON. Unchanged settings and code give identical bytes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = pipeline(BuildContext(settings, code)).definition()
    return json.dumps(json.loads(compiled), separators=(",", ":"))


if __name__ == "__main__":
    sys.stdout.write(build(Settings.model_validate_json(sys.stdin.read()), bundles()))
