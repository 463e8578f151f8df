"""`predict` of several images, with an endpoint that refuses those that say so."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

import pipeline

ANSWER: dict[str, Any] = {"count": 3, "confidence": 0.8, "probabilities": {"1": 0.2, "3": 0.8}}
Predict = Callable[..., tuple[int, str, str]]


class Runtime:
    """InvokeEndpoint of a model that answers 3, or the status that is written behind the image."""

    def invoke_endpoint(self, Body: bytes, **_: object) -> dict[str, io.BytesIO]:
        status = Body.rpartition(b"status=")[2]
        if status.isdigit():
            response: Any = {
                "Error": {"Code": "ModelError", "Message": "Received an error"},
                "OriginalStatusCode": int(status),
                "OriginalMessage": '{"error":"the image is damaged"}',
            }
            raise ClientError(response, "InvokeEndpoint")
        return {"Body": io.BytesIO(json.dumps(ANSWER).encode())}


@pytest.fixture
def predict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Predict:
    """Draws an image for each status and asks for all of them; None is answered."""
    opened = SimpleNamespace(client=lambda _: Runtime()), SimpleNamespace(endpoint="tally")
    monkeypatch.setattr("pipelines.target.open_target", lambda _: opened)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def ask(*statuses: int | None, options: Sequence[str] = ()) -> tuple[int, str, str]:
        names = []
        for number, status in enumerate(statuses):
            names.append(f"{number}.jpg")
            Image.new("RGB", (8, 8)).save(tmp_path / names[-1])
            with (tmp_path / names[-1]).open("ab") as file:
                file.write(f"status={status}".encode())
        code = pipeline.main(["predict", *names, *options])
        return (code, *capsys.readouterr())

    return ask


def test_a_refused_image_costs_the_others_no_answer(predict: Predict) -> None:
    code, out, err = predict(None, 400, None)
    assert code == 1
    assert [line.split()[:2] for line in out.splitlines()[2:]] == [["0.jpg", "3"], ["2.jpg", "3"]]
    assert err.count("\n") == 1
    assert err.startswith("Error: 1.jpg: the model answered 400: the image is damaged (Log: ")


@pytest.mark.parametrize("address", ["https://example.com/a.jpg", "s3://bucket/a.jpg"])
def test_an_address_is_not_a_file(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pipeline.main(["predict", address]) == 1
    assert f"{address}: is not a file on this machine" in capsys.readouterr().err


def test_json_has_the_refusal_beside_the_answers(predict: Predict) -> None:
    code, out, _ = predict(None, 413, options=["--json"])
    answered, refused = json.loads(out)
    assert code == 1
    assert answered == {"image": "0.jpg", **ANSWER}
    assert refused["image"] == "1.jpg" and "answered 413" in refused["error"]


def test_no_table_is_shown_where_every_image_is_refused(predict: Predict) -> None:
    code, out, err = predict(415)
    assert (code, out) == (1, "")
    assert "0.jpg: the model answered 415" in err


def test_a_model_that_fails_is_not_asked_again(predict: Predict) -> None:
    code, out, err = predict(None, 500, 400)
    assert (code, out) == (1, "")
    assert "1.jpg: the model answered 500" in err and "2.jpg" not in err


def test_why_the_model_cannot_judge_is_printed_once(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = {"expected_quantity": 9, "match": False, "match_confidence": 0.0}
    why = "the model counts 1, 3 and cannot judge whether a bin holds 9; have somebody look"
    monkeypatch.setattr(f"{__name__}.ANSWER", {**ANSWER, **unknown, "explanation": why})
    code, out, err = predict(None, None, options=["--expected", "9"])
    assert code == 0 and out.count("9 does not match (0%)") == 2
    assert err == f"Not judged: {why}.\n"


@pytest.mark.parametrize("value", ["1000000000", "-1", "2.5", "three", "٣"])
def test_an_expected_quantity_that_the_server_refuses_is_refused_here(
    predict: Predict, value: str
) -> None:
    code, out, err = predict(None, options=["--expected", value])
    assert (code, out) == (2, "")
    assert f"'{value}': use a whole number from 0 to 999999999" in err


def test_the_largest_expected_quantity_is_accepted_and_in_the_help(predict: Predict) -> None:
    assert predict(None, options=["--expected", "999999999"])[0] == 0
    assert "from 0 to 999999999" in predict(options=["--help"])[1]
