from __future__ import annotations

from typing import Any

import pytest
from pipeline_bench import Bench
from pipeline_steps import get, lambda_step


def test_outputs_are_listed_and_passed_on(bench: Bench) -> None:
    payloads: list[Any] = []
    bench.functions["deploy"] = lambda payload: {"status": "ok", **payload}
    bench.functions["report"] = payloads.append
    bench.create(
        lambda_step("Deploy", "deploy", {"count": 2}, ["status", "count"]),
        lambda_step("Report", "report", {"count": get("Steps.Deploy.OutputParameters['count']")}),
    )
    arn, status = bench.run()
    assert status == "Succeeded"
    assert payloads == [{"count": 2}]
    assert bench.steps(arn)["Deploy"]["Metadata"]["Lambda"]["OutputParameters"] == [
        {"Name": "status", "Value": "ok"},
        {"Name": "count", "Value": "2"},
    ]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        pytest.param(
            lambda_step("L", "absent", {}),
            "ResourceNotFoundException: Function not found",
            id="no function",
        ),
        pytest.param(
            lambda_step("L", "bad", {}), "failed: ValueError: broken", id="function fails"
        ),
        pytest.param(
            lambda_step("L", "empty", {}, ["status"]),
            "did not return status",
            id="missing output",
        ),
    ],
)
def test_step_that_cannot_succeed_states_why(
    bench: Bench, step: dict[str, Any], message: str
) -> None:
    def broken(payload: Any) -> Any:
        raise ValueError("broken")

    bench.functions.update(bad=broken, empty=lambda payload: {})
    bench.create(step)
    arn, status = bench.run()
    assert status == "Failed"
    assert message in bench.steps(arn)["L"]["FailureReason"]
