"""Transform jobs that split their objects by lines."""

import json
from typing import Any

from emulator_process import Emulator
from transform_batch import BUCKET, Batch, data_log


def by_lines(
    batch: Batch, strategy: str, joined: str, **changes: Any
) -> tuple[dict[str, Any], list[str]]:
    """How the job ended, and the lines of what it made of the object `a`."""
    parts = batch.request()
    ended = batch.run(
        BatchStrategy=strategy,
        TransformInput=parts["TransformInput"] | {"SplitType": "Line"},
        TransformOutput=parts["TransformOutput"] | {"AssembleWith": joined},
        **changes,
    )
    made = {"Bucket": BUCKET, "Key": f"{batch.name}/out/a.out"}
    if ended["TransformJobStatus"] != "Completed":
        return ended, []
    return ended, batch.s3.get_object(**made)["Body"].read().decode().split("\n")


def test_each_line_is_a_request(batch: Batch) -> None:
    batch.model()
    batch.put(a="1\n2\n3")
    _, lines = by_lines(batch, "SingleRecord", "Line")
    assert [json.loads(line)["text"] for line in lines[:-1]] == ["1\n", "2\n", "3"]
    assert lines[-1] == ""


def test_lines_that_fit_are_one_request_and_responses_are_joined(batch: Batch) -> None:
    batch.model()
    batch.put(a="1\n" + "2" * 700_000 + "\n" + "3" * 700_000)
    _, lines = by_lines(batch, "MultiRecord", "None", MaxPayloadInMB=1)
    assert len(lines) == 1
    assert lines[0].count('"text"') == 2
    assert '"text": "1\\n222' in lines[0]
    assert '"text": "333' in lines[0]


def test_object_with_a_failed_line_has_no_output(batch: Batch) -> None:
    batch.model()
    batch.put(a="fine\nrefuse")
    ended, _ = by_lines(batch, "SingleRecord", "Line")
    assert "1 of 1 objects failed" in ended["FailureReason"]
    assert batch.outputs() == {}


def test_a_line_must_fit_into_a_request(batch: Batch, emulator: Emulator) -> None:
    batch.model()
    batch.put(a="fine\n" + "y" * 1_100_000)
    by_lines(batch, "MultiRecord", "Line", MaxPayloadInMB=1)
    assert "a line of the object has 1100000 bytes, more" in data_log(emulator, batch.name)
