"""The pipeline that watches the endpoint.

Watch -> CheckChange -> Changed (ends the execution as Failed)

Importing this module imports the SageMaker SDK, as `definition` does.
"""

import json
import sys
import warnings
from collections.abc import Mapping

# `builders` comes first: it sets what the SDK needs when it is imported.
from pipelines.builders.context import BuildContext
from pipelines.builders.watch import check_change_step, watch_step
from pipelines.parameters import declared_for_watching
from pipelines.settings.model import Settings
from pipelines.upload.code import WATCH_CONTENTS, Bundle, bundles

from sagemaker.mlops.workflow.pipeline import Pipeline  # isort: skip


def pipeline(context: BuildContext) -> Pipeline:
    """The steps and their dependencies."""
    watch = watch_step(context)
    return Pipeline(
        context.settings.watch_name,
        parameters=list(context.parameters.values()),
        steps=[watch, check_change_step(watch)],
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
        context = BuildContext(settings, code, declared_for_watching(settings))
        compiled = pipeline(context).definition()
    return json.dumps(json.loads(compiled), separators=(",", ":"))


if __name__ == "__main__":
    resolved = Settings.model_validate_json(sys.stdin.read())
    sys.stdout.write(build(resolved, bundles(contents=WATCH_CONTENTS)))
