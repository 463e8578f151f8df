"""The four functions of serving, in a model folder as training writes it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.steps.served_model import WANTED, Context, Served, ask, refused
from tests.steps.tiny_model import CLASSES, save_model
from training.result import artifact


@pytest.mark.parametrize("number", range(3))
def test_an_answer_has_count_confidence_and_probabilities(served: Served, number: int) -> None:
    answer = ask(served, served[2][number].read_bytes())
    probabilities = WANTED[number]
    assert set(answer) == {
        "count", "or_more", "confidence", "probabilities", "expected_count", "looks_like_a_bin",
        "model", "input",
    }  # fmt: skip
    assert (answer["or_more"], answer["looks_like_a_bin"]) == (False, True)
    assert list(answer["probabilities"]) == ["1", "3", "5"]
    assert list(answer["probabilities"].values()) == pytest.approx(probabilities, abs=2e-3)
    assert answer["count"] == CLASSES[probabilities.index(max(probabilities))]
    assert answer["confidence"] == max(answer["probabilities"].values())
    mean = sum(c * p for c, p in zip(CLASSES, probabilities, strict=True))
    assert answer["expected_count"] == pytest.approx(mean, abs=1e-2)


def test_a_batch_gives_the_same_counts_as_single_requests(served: Served) -> None:
    program, model, pictures = served
    batch = [program.input_fn(file.read_bytes(), "image/jpeg")[0] for file in pictures]
    together = program.predict_fn(batch, model)
    for request, answer in zip(batch, together, strict=True):
        assert program.predict_fn([request], model)[0]["count"] == answer["count"]
    assert len(json.loads(program.output_fn(together, "application/json")[0])) == 3


@pytest.mark.parametrize(
    ("attributes", "verdict", "probability"),
    [
        pytest.param("expected_quantity=1", "pass", 0.784, id="right"),
        pytest.param("expected_quantity=3", "look", 0.228, id="wrong"),
        pytest.param("expected_quantity=5", "look", 0.069, id="very wrong"),
        pytest.param(" expected_quantity = 1 ", "pass", 0.784, id="with spaces"),
        pytest.param("trace=ab12,expected_quantity=1;x=2", "pass", 0.784, id="among others"),
        pytest.param("expected_quantity=001", "pass", 0.784, id="leading zeros"),
    ],
)
def test_an_expected_quantity_is_judged_by_the_models_rule(
    served: Served, attributes: str | None, verdict: str, probability: float
) -> None:
    answer = ask(served, served[2][0].read_bytes(), attributes=attributes)
    assert answer["verdict"] == verdict
    assert answer["match_probability"] == pytest.approx(probability, abs=5e-3)
    claimed = answer["expected_quantity"]
    assert answer["reason"] == (
        "photo and record agree on 1 item"
        if verdict == "pass"
        else f"the photo shows about 1, the record says {claimed}"
    )


@pytest.mark.parametrize("quantity", [0, 2, 9, 999_999_999])
def test_a_quantity_outside_the_classes_cannot_be_judged(served: Served, quantity: int) -> None:
    answer = ask(served, served[2][0].read_bytes(), attributes=f"expected_quantity={quantity}")
    assert answer["expected_quantity"] == quantity
    assert (answer["verdict"], answer["match_probability"]) == ("cannot_judge", None)
    assert f"the record lists {quantity} items, " in answer["reason"]


def test_without_a_rule_somebody_has_to_look(served: Served) -> None:
    program, model, pictures = served
    batch = program.input_fn(pictures[0].read_bytes(), "image/jpeg", Context("expected_quantity=1"))
    answer = program.predict_fn(batch, dataclasses.replace(model, rule=None))[0]
    assert (answer["verdict"], answer["match_probability"]) == ("look", None)
    assert "have somebody look" in answer["reason"]


def test_a_photo_that_is_too_strange_is_not_judged(served: Served) -> None:
    program, model, pictures = served
    strict = dataclasses.replace(model, rule=dataclasses.replace(model.rule, strangest=-1.0))
    for attributes in (None, "expected_quantity=1"):
        batch = program.input_fn(pictures[0].read_bytes(), "image/jpeg", Context(attributes))
        answer = program.predict_fn(batch, strict)[0]
        assert answer["looks_like_a_bin"] is False
        assert (answer["verdict"], answer["match_probability"]) == ("cannot_judge", None)
        assert answer["reason"] == "this does not look like a bin"


@pytest.mark.parametrize("value", ["three", "", "-1", "2.5", "1e3", "٣", "0x3", "1234567890"])
def test_a_quantity_that_is_not_a_number_is_refused(served: Served, value: str) -> None:
    status, said = refused(
        served, served[2][0].read_bytes(), attributes=f"expected_quantity={value}"
    )
    assert status == 400
    assert f"expected_quantity is '{value}'; give a whole number from 0 to 999999999" in said


@pytest.mark.parametrize("attributes", ["", "something else", "expected=3", "=", ",;&", None])
def test_other_attributes_are_ignored(served: Served, attributes: str | None) -> None:
    assert "match" not in ask(served, served[2][0].read_bytes(), attributes=attributes)


@pytest.mark.parametrize("accept", [None, "", "*/*", "application/json", "text/csv, */*;q=0.1"])
def test_json_is_returned_for_every_accepting_client(served: Served, accept: str | None) -> None:
    assert served[0].output_fn([{"count": 3}], accept) == ('{"count": 3}', "application/json")


def test_a_client_that_does_not_accept_json_is_refused(served: Served) -> None:
    with pytest.raises(served[0].RequestError, match="accept application/json") as caught:
        served[0].output_fn([{"count": 3}], "text/csv")
    assert caught.value.status_code == 406


def test_a_network_whose_outputs_are_not_finite_raises(served: Served) -> None:
    program, model, pictures = served
    batch = program.input_fn(pictures[0].read_bytes(), "image/jpeg")
    outputs = [np.full((1, 3), np.nan), np.zeros(1)]
    nothing = program.engine.Engine("any", "any", lambda *inputs: outputs)
    broken = program.Model(nothing, model.classes)
    with pytest.raises(ArithmeticError, match="diverged"):
        program.predict_fn(batch, broken)


def test_weights_are_never_unpickled(tmp_path: Path, served: Served) -> None:
    """A pickle in place of weights would run code where it is loaded."""

    class Payload:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    folder = save_model(tmp_path / "model")
    torch.save(Payload(), folder / "model.pt")
    artifact.seal(folder)
    with pytest.raises(Exception, match="weights_only"):
        served[0].model_fn(str(folder))
    assert not (tmp_path / "ran").exists()
