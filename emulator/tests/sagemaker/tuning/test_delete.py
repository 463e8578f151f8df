"""DeleteHyperParameterTuningJob of a job that runs."""

from pathlib import Path

import pytest
from local_context import local_context

from sagemaker_emulator.errors import ApiError

KIND = "hyper-parameter-tuning-job"


def test_a_tuning_job_that_runs_is_not_deleted(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    document = {"HyperParameterTuningJobArn": "arn", "HyperParameterTuningJobStatus": "Stopping"}
    context.store.put(KIND, "t", document)
    with pytest.raises(ApiError, match="ResourceInUse: The job t has not ended"):
        context.call("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="t")
    context.store.update(KIND, "t", HyperParameterTuningJobStatus="Stopped")
    context.call("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="t")
    assert context.store.get(KIND, "t") is None
