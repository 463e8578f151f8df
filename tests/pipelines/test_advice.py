from datetime import UTC, datetime

import pytest

from pipelines.executions.advice import advise
from pipelines.executions.execution import Execution, Step
from pipelines.executions.outcome import Outcome


def failed(failure: str) -> Execution:
    train = Step("Train", "Training", "Failed", failure=failure)
    now = datetime.now(UTC)
    arn = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/tally/execution/abc"
    return Execution(arn, "tally", "abc", "Failed", now, now, "", {}, (train,))


def test_what_the_service_failed_in_is_tried_again_as_it_was() -> None:
    advice = advise(failed("InternalServerError: We encountered an internal error."), Outcome())
    assert [command for command, _ in advice.commands] == [
        "logs Train abc",
        "retry abc",
        "upsert start",
    ]


@pytest.mark.parametrize(("code", "said"), [(137, True), (1, False)])
def test_a_job_that_was_killed_is_explained(code: int, said: bool) -> None:
    failure = f"AlgorithmError: See job logs for more information, exit code: {code}"
    advice = advise(failed(failure), Outcome())
    assert ("want of memory" in advice.sentence) == said
    assert [command for command, _ in advice.commands] == [
        "logs Train abc",
        "start -p NAME=VALUE",
        "retry abc",
        "upsert start",
    ]
