"""Expressions as a person reads them."""

import pytest
from pipeline_steps import Json, get, join, json_get

from sagemaker_emulator.console.written import written


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (get("Parameters.Seed"), "Parameters.Seed"),
        (join(get("Parameters.Seed")), "text(Parameters.Seed)"),
        (join("a", get("Parameters.B"), 3, on="/"), 'join("/", "a", Parameters.B, 3)'),
        (json_get("Count", "a.b"), 'json(Steps.Count.PropertyFiles.Report, "a.b")'),
        (
            {"Std:JsonGet": {"S3Uri": join("s3://b/", get("Parameters.K")), "Path": "a"}},
            'json(join("", "s3://b/", Parameters.K), "a")',
        ),
    ],
)
def test_an_expression_is_a_call(expression: Json, expected: str) -> None:
    assert written(expression) == expected
