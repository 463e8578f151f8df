"""`predict` of several images, with an endpoint that refuses those that say so."""

import base64
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from PIL import Image

import pipeline

ANSWER: dict[str, Any] = {"count": 3, "confidence": 0.8, "probabilities": {"1": 0.2, "3": 0.8}}
Predict = Callable[..., tuple[int, str, str]]


class Runtime:
    """InvokeEndpoint of a model that answers 3, or the status that is written behind the image."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def invoke_endpoint(self, Body: bytes, **more: object) -> dict[str, io.BytesIO]:
        self.asked.append({"Body": Body, **more})
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

    def ask(
        *statuses: int | None, options: Sequence[str] = (), behind: int = 0
    ) -> tuple[int, str, str]:
        Runtime.asked.clear()
        names = []
        for number, status in enumerate(statuses):
            names.append(f"{number}.jpg")
            Image.new("RGB", (8, 8)).save(tmp_path / names[-1])
            with (tmp_path / names[-1]).open("ab") as file:
                file.write(bytes(behind) + f"status={status}".encode())
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


JUDGED = {
    "expected_quantity": 3, "verdict": "pass", "match_probability": 0.974, "or_more": False,
    "expected_count": 2.62, "reason": "photo and record agree on 3 items",
}  # fmt: skip
UNKNOWN = {
    **JUDGED, "expected_quantity": 9, "verdict": "cannot_judge", "match_probability": None,
    "reason": "the record lists 9 items, this model counts to 5",
}  # fmt: skip


def lines(text: str) -> dict[str, str]:
    """What is shown of one photo, by the heading of each line."""
    cells = [re.split(" {2,}", line.strip(), maxsplit=1) for line in text.splitlines()]
    return {line[0]: line[-1] for line in cells}


def test_one_photo_is_shown_with_everything_about_it(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {"photo_alone": {"count": 6, "or_more": True, "confidence": 0.31}}
    monkeypatch.setattr(f"{__name__}.ANSWER", {**ANSWER, **JUDGED, **alone})
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = predict(None, options=["--expected", "3"])
    shown = lines(out)
    assert (code, err, shown["image"]) == (0, "", "0.jpg")
    assert (shown["count"], shown["confidence"], shown["expected count"]) == ("3", "80%", "2.6")
    assert shown["by the photo alone"] == "6 or more (31%)"
    assert (shown["on record"], shown["verdict"], shown["record is right"]) == ("3", "PASS", "97%")
    assert shown["reason"] == "photo and record agree on 3 items"


def test_what_cannot_be_judged_has_the_reason_and_no_probability(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.ANSWER", {**ANSWER, **UNKNOWN})
    _, out, _ = predict(None, options=["--expected", "9"])
    assert lines(out)["verdict"] == "CANNOT JUDGE" and "record is right" not in lines(out)
    code, out, err = predict(None, None, options=["--expected", "9"])
    assert (code, err) == (0, "")
    assert "0.jpg: CANNOT JUDGE, the record lists 9 items, this model counts to 5." in out
    table = [line for line in out.splitlines() if line.startswith(("0.jpg  ", "1.jpg  "))]
    assert [line.split()[1:] for line in table] == [["3", "80%", "2.6", "CANNOT", "JUDGE"]] * 2


RECORD = [{"sku": "A1", "quantity": 2, "length": 8.5}, {"sku": "A2", "quantity": 1}]


@pytest.mark.parametrize("quantity", [None, 4])
def test_a_record_is_sent_as_json_beside_the_photo(
    predict: Predict, tmp_path: Path, quantity: int | None
) -> None:
    (tmp_path / "record.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(RECORD).encode())
    more = [] if quantity is None else ["--expected", str(quantity)]
    code, _, err = predict(None, options=["--record", "record.json", *more])
    assert (code, err) == (0, "")
    (asked,) = Runtime.asked
    sent = json.loads(asked["Body"])
    assert base64.b64decode(sent.pop("image")) == (tmp_path / "0.jpg").read_bytes()
    assert sent == {"record": RECORD} | ({"expected_quantity": quantity} if quantity else {})
    assert asked["ContentType"] == "application/json" and "CustomAttributes" not in asked


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "--record: record.json is no file"),
        ("{", "record.json: the file is no JSON"),
        ('{"items": []}', "neither BIN_FCSKU_DATA nor EXPECTED_QUANTITY"),
        ('[{"quantity": 1, "hight": 2}]', "item 1 of the record has the key 'hight'; did you mean"),
        ('[{"quantity": NaN}]', "NaN is not a number of JSON"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_before_anything_is_sent(
    predict: Predict, tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "record.json").write_text(content)
    code, out, err = predict(None, options=["--record", "record.json"])
    assert (code, out, Runtime.asked) == (1, "", [])
    assert err.startswith("Error: ") and message in err and err.count("\n") == 1


def test_a_record_is_of_one_photo(predict: Predict) -> None:
    code, out, err = predict(None, None, options=["--record", "record.json"])
    assert (code, out) == (2, "")
    assert "it is the record of one bin, and there are 2 images" in err
    assert "score FOLDER --records FOLDER" in err


def test_a_photo_that_base64_makes_too_large_is_refused_here(
    predict: Predict, tmp_path: Path
) -> None:
    (tmp_path / "record.json").write_text("[]")
    code, out, err = predict(None, options=["--record", "record.json"], behind=20 * 2**20)
    assert (code, out, Runtime.asked) == (1, "", [])
    assert "0.jpg: with its record 26.7 MiB are to be sent, above the endpoint's 25 MiB" in err


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
