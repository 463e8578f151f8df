from __future__ import annotations

import pytest
from pipeline_bench import TOKEN, Bench

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.sagemaker.pipelines.run.records import CALLBACK

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/abcdefghijkl"
CALL = {"CallbackToken": "abcdefghij", "ClientRequestToken": TOKEN}


@pytest.fixture
def waiting(bench: Bench) -> Bench:
    bench.context.store.put(CALLBACK, "abcdefghij", {"PipelineExecutionArn": ARN})
    return bench


def test_unknown_token_is_refused(bench: Bench) -> None:
    with pytest.raises(ApiError, match="No callback step has the token abcdefghij"):
        bench.call("SendPipelineExecutionStepSuccess", **CALL)


def test_outcome_may_be_repeated(waiting: Bench) -> None:
    for _ in range(2):
        response = waiting.call("SendPipelineExecutionStepSuccess", **CALL)
        assert response["PipelineExecutionArn"] == ARN


def test_other_outcome_than_the_first_is_refused(waiting: Bench) -> None:
    waiting.call("SendPipelineExecutionStepSuccess", **CALL)
    with pytest.raises(ApiError, match=r"ConflictException: .* has already Succeeded"):
        waiting.call("SendPipelineExecutionStepFailure", **CALL)
