"""What a transform job sends of each line of CSV, and what it writes beside the answers."""

import re
from typing import Any

import pytest
from transform_batch import BUCKET, Batch

from sagemaker_emulator.sagemaker.transform.columns import DataProcessing

CSV = {
    "TransformInput": {"ContentType": "text/csv; charset=utf-8", "SplitType": "Line"},
    "TransformOutput": {"AssembleWith": "Line"},
}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("$", b'7,"a, b",9\r\n1,\xe9,3'),
        ("$[1:]", b'"a, b",9\n\xe9,3\n'),
        ("$[:-1]", b'7,"a, b"\n1,\xe9\n'),
        ("$[:]", b'7,"a, b",9\n1,\xe9,3\n'),
        ("$[-1]", b"9\n3\n"),
        ("$[2, 0]", b"9,7\n3,1\n"),
    ],
)
def test_an_input_filter_chooses_columns(path: str, sent: bytes) -> None:
    processing = DataProcessing(sent=path)
    assert processing.problem(CSV) == ""
    assert processing.request(b'7,"a, b",9\r\n1,\xe9,3') == sent


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ({"InputFilter": "$[1:]"}, b"0.5\n0.25"),
        ({"JoinSource": "Input"}, b"7,8,0.5\n1,2,0.25\n"),
        ({"JoinSource": "Input", "OutputFilter": "$[0,-1]"}, b"7,0.5\n1,0.25\n"),
        ({"OutputFilter": "$[0]"}, b"0.5\n0.25\n"),
        ({"JoinSource": "None", "OutputFilter": "$"}, b"0.5\n0.25"),
    ],
)
def test_responses_are_joined_and_filtered(asked: dict[str, Any], written: bytes) -> None:
    processing = DataProcessing.of({"DataProcessing": asked})
    assert processing.problem(CSV) == ""
    assert processing.result(b"7,8\n1,2\n", b"0.5\n0.25") == written


@pytest.mark.parametrize(
    ("asked", "changed", "why"),
    [
        ({"InputFilter": "$.features"}, {}, r"InputFilter is '\$.features'; .* slices"),
        ({"OutputFilter": "$[::2]"}, {}, r"OutputFilter is '\$\[::2\]'"),
        (
            {"InputFilter": "$[1:]"},
            {"TransformInput": {"ContentType": "application/jsonlines", "SplitType": "Line"}},
            "ContentType text/csv",
        ),
        ({"InputFilter": "$[1:]"}, {"TransformInput": {"ContentType": "text/csv"}}, "SplitType"),
        ({"JoinSource": "Input"}, {"TransformOutput": {}}, "AssembleWith must be Line"),
    ],
)
def test_unsupported_data_processing_is_refused(
    asked: dict[str, Any], changed: dict[str, Any], why: str
) -> None:
    problem = DataProcessing.of({"DataProcessing": asked}).problem(CSV | changed)
    assert re.search(why, problem), problem


def test_lines_and_responses_that_do_not_match_are_reported() -> None:
    with pytest.raises(ValueError, match="a line with 2 columns has no column 2"):
        DataProcessing(sent="$[2]").request(b"1,2\n")
    with pytest.raises(ValueError, match="2 lines cannot be joined with 1 responses"):
        DataProcessing(joined=True).result(b"1\n2\n", b"0.5")


def run(batch: Batch, **asked: str) -> Any:
    parts = batch.request()
    return batch.run(
        TransformInput=parts["TransformInput"] | {"ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput=parts["TransformOutput"] | {"AssembleWith": "Line"},
        DataProcessing=asked,
    )


def test_a_job_filters_and_joins(batch: Batch) -> None:
    batch.model()
    batch.put(a="id1,4,5\nid2,6,7\n")
    ended = run(batch, InputFilter="$[1:]", JoinSource="Input", OutputFilter="$[0,-1]")
    assert ended["TransformJobStatus"] == "Completed"
    made = batch.s3.get_object(Bucket=BUCKET, Key=f"{batch.name}/out/a.out")
    assert made["Body"].read() == b"id1,2\nid2,2\n"  # the container counts the columns it gets


def test_missing_column_fails_the_object(batch: Batch) -> None:
    batch.model()
    batch.put(a="1,2\n")
    ended = run(batch, InputFilter="$[5]")
    assert "a line with 2 columns has no column 5" in ended["FailureReason"]
