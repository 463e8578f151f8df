"""The SDK's Run API and analytics on the emulator; prints what it finds."""

import logging

from sagemaker.core.analytics import ExperimentAnalytics
from sagemaker.core.experiments.run import Run, list_runs, load_run
from sagemaker.core.helper.session_helper import Session

logging.disable(logging.WARNING)
session = Session()
with Run(experiment_name="Sdk-Experiment", run_name="First", sagemaker_session=session) as run:
    run.log_parameters({"rate": 0.5, "kind": "x"})
    for step in range(12):
        run.log_metric(name="loss", value=12.0 - step, step=step)
    run.log_artifact(name="data", value="s3://bucket/data", is_output=False)
with load_run(experiment_name="sdk-experiment", run_name="first", sagemaker_session=session) as run:
    run.log_parameter("more", 2)
    config = run.experiment_config

print(sorted(config))
print([each.run_name for each in list_runs("sdk-experiment", sagemaker_session=session)])
table = ExperimentAnalytics(
    sagemaker_session=session, experiment_name="sdk-experiment", sort_by="metrics.loss.min"
).dataframe()
columns = ["rate", "kind", "more", "loss - Min", "loss - Last", "loss - Count", "data - Value"]
print(table[columns].values.tolist())
