"""Executions are found by what a person types, in either pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipelines.executions import lookup
from pipelines.executions.execution import ExecutionError

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/{}/execution/{}"
TALLY, WATCH = "tally", "tally-watch"


class Client:
    """Lists the executions of pipelines, (id, name), newest first; others do not exist."""

    def __init__(self, executions: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self.executions = executions

    def get_paginator(self, operation: str) -> "Client":
        assert operation == "list_pipeline_executions"
        return self

    def paginate(self, **request: Any) -> Any:
        pipeline = request["PipelineName"]
        if pipeline not in self.executions:
            raise ClientError({"Error": {"Code": "ResourceNotFound"}}, "ListPipelineExecutions")
        yield {
            "PipelineExecutionSummaries": [
                {
                    "PipelineExecutionArn": ARN.format(pipeline, identity),
                    "PipelineExecutionDisplayName": name,
                }
                for identity, name in self.executions[pipeline]
            ]
        }


BOTH: Any = Client({TALLY: [("ab12", "spring"), ("ac34", "")], WATCH: [("ab99", ""), ("wx11", "")]})


@pytest.mark.parametrize(
    ("text", "pipeline", "identity"),
    [
        (None, TALLY, "ab12"),
        ("spring", TALLY, "ab12"),
        ("ac", TALLY, "ac34"),
        ("wx", WATCH, "wx11"),
        ("ab99", WATCH, "ab99"),
        (WATCH, WATCH, "ab99"),
    ],
)
def test_an_execution_of_either_pipeline_is_found(
    text: str | None, pipeline: str, identity: str
) -> None:
    assert lookup.resolve(BOTH, TALLY, text, WATCH) == ARN.format(pipeline, identity)


def test_a_beginning_that_both_pipelines_have_is_refused() -> None:
    with pytest.raises(ExecutionError, match="ab12, ab99"):
        lookup.resolve(BOTH, TALLY, "ab", WATCH)


def test_without_a_second_pipeline_only_the_first_is_searched() -> None:
    with pytest.raises(ExecutionError, match="no execution wx11"):
        lookup.resolve(BOTH, TALLY, "wx11")
    only: Any = Client({TALLY: [("ab12", "")]})
    assert lookup.resolve(only, TALLY, "ab", WATCH) == ARN.format(TALLY, "ab12")
    with pytest.raises(ExecutionError, match=r"tally-watch has not been started .* watch`"):
        lookup.resolve(only, TALLY, WATCH, WATCH)


def test_a_run_that_watched_is_found_where_nothing_was_trained() -> None:
    only: Any = Client({WATCH: [("wx11", "")]})
    assert lookup.resolve(only, TALLY, "wx", WATCH) == ARN.format(WATCH, "wx11")
    with pytest.raises(ExecutionError, match="no pipeline tally yet"):
        lookup.resolve(only, TALLY, "ab", WATCH)
