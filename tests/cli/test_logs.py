"""Which lines of a shared log belong to a step."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.executions.execution import Step
from pipelines.executions.logs import Line, written_by

BEGUN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ENDED = BEGUN + timedelta(seconds=10)


@pytest.mark.parametrize(
    ("kind", "ended", "offset", "belongs"),
    [
        ("Lambda", ENDED, -60, False),
        ("Lambda", ENDED, 5, True),
        ("Lambda", ENDED, 60, False),
        ("Lambda", None, 60, True),
        ("Training", ENDED, -60, True),
    ],
    ids=["before", "during", "after", "still-running", "a-job-has-a-log-of-its-own"],
)
def test_a_functions_log_is_cut_to_the_steps_own_time(
    kind: str, ended: datetime | None, offset: float, belongs: bool
) -> None:
    step = Step("Deploy", kind, "Succeeded", BEGUN, ended)
    line = Line("", round((BEGUN.timestamp() + offset) * 1000), "text")
    assert written_by(step, line) is belongs
