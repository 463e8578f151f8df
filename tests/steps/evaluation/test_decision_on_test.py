"""What the decision does: by hand on two bins, and whole, on a model trained with records."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import evaluate
from evaluation import archive, decision_on_test, judged_claims, not_bins, predictions, testset
from evaluation.errors import EvaluationError
from evaluation.judged_claims import ITEMS, MATCH, PHOTO, RIGHT, JudgedClaims
from record_errors import KINDS, USUAL_KINDS, RecordErrors
from tests.steps.tiny_model import pack, save_model
from training.result import artifact

pytestmark = pytest.mark.usefixtures("one_thread")
SAMPLE = Path(__file__).parents[2] / "evaluation.json"
ERRORS = RecordErrors.parse(0.2, "miscounted=3,exchanged=1")
MISCOUNTED, EXCHANGED = KINDS.index("miscounted"), KINDS.index("exchanged")
# Of two bins: the bin, what is wrong, the weight, the verdict, the match probability.
PAIRS = [
    (0, RIGHT, 0.8, "pass", 0.9), (1, RIGHT, 0.8, "look", 0.4),
    (0, MISCOUNTED, 0.15, "look", 0.3), (1, MISCOUNTED, 0.15, "pass", 0.8),
    (0, EXCHANGED, 0.05, "look", 0.1), (1, EXCHANGED, 0.05, "cannot_judge", np.nan),
]  # fmt: skip


def claims() -> JudgedClaims:
    bins, kinds, weight, verdicts, match = (np.array(one) for one in zip(*PAIRS, strict=True))
    nothing = np.full(len(PAIRS), np.nan)
    scores = {MATCH: match, PHOTO: match, ITEMS: nothing}
    return JudgedClaims(2, bins, kinds, weight, np.ones(len(PAIRS), int), verdicts, scores)


def test_the_shares_are_sums_of_weights() -> None:
    found = decision_on_test._results(claims(), ERRORS)
    assert found["passed"]["value"] == pytest.approx(0.95 / 2)
    assert found["looked"]["value"] == pytest.approx(1.0 / 2)
    assert found["cannot_judge"]["value"] == pytest.approx(0.05 / 2)
    assert found["found_share"]["value"] == pytest.approx(0.2 / 0.4)
    assert found["wrong_passed"]["value"] == pytest.approx(0.15 / 0.4)
    assert found["wrong_cannot_judge"]["value"] == pytest.approx(0.05 / 0.4)
    assert found["precision"]["value"] == pytest.approx(0.8 / 0.95)


def test_each_kind_stands_alone() -> None:
    kinds = decision_on_test._results(claims(), ERRORS)["kinds"]
    assert list(kinds) == ["miscounted", "exchanged"], "only those that were made"
    assert kinds["miscounted"]["share"] == pytest.approx(0.75)
    assert kinds["miscounted"]["found_share"]["value"] == pytest.approx(0.5)
    assert kinds["exchanged"]["cannot_judge"]["value"] == pytest.approx(0.5)
    # Of the wrong ones 0.3 lies below both right ones, 0.8 above one of them.
    assert kinds["miscounted"]["auc"]["match"]["value"] == pytest.approx(0.75)
    assert kinds["exchanged"]["auc"]["match"]["value"] == 1
    assert kinds["exchanged"]["auc"]["items"] == {"value": None}
    # If all wrong records were miscounted: half of the bins looked at are 0.2 of 0.3, 0.8 of 0.4.
    looking = kinds["miscounted"]["found_when_looking_as_often"]
    assert looking["match"]["value"] == pytest.approx(0.5)
    assert looking["items"] == {"value": None}


def test_the_intervals_are_those_of_bins_not_of_pairs() -> None:
    """A sample that draws one bin twice holds all pairs of that bin, and none of the other."""
    found = decision_on_test._results(claims(), ERRORS)["passed"]
    assert (found["low"], found["high"]) == (pytest.approx(0.15), pytest.approx(0.8))


def test_the_same_thresholds_where_more_records_are_wrong() -> None:
    rows = decision_on_test._results(claims(), ERRORS)["other_rates"]
    assert [row["record_error_rate"] for row in rows] == [0.02, 0.05, 0.1, 0.2, 0.3]
    at = rows[-1]
    passed = 0.8 * 0.7 / 0.8, 0.15 * 0.3 / 0.2
    assert at["precision"]["value"] == pytest.approx(passed[0] / sum(passed))
    assert at["passed"]["value"] == pytest.approx(sum(passed) / 2)


@pytest.fixture(scope="module")
def evaluated(recorded_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of the whole step, beside the same model as the approved one."""
    inputs = tmp_path_factory.mktemp("inputs") / "input"
    shutil.copytree(recorded_inputs, inputs)
    shutil.copytree(inputs / "model", inputs / "approved")
    output = tmp_path_factory.mktemp("decided")
    evaluate.evaluate(inputs, output, 50)
    return output


@pytest.fixture(scope="module")
def document(evaluated: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((evaluated / "evaluation.json").read_text())
    return found


def shape(value: object) -> object:
    """The keys of a document, without its values: the key sets of all rows of a list are one."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return "number" if isinstance(value, int | float) else type(value).__name__


def test_the_evaluation_has_the_form_that_the_command_line_is_tested_with(
    document: dict[str, Any],
) -> None:
    """tests/evaluation.json is what the tests of pipelines/ read in place of this step's output."""
    written, sample = document, json.loads(SAMPLE.read_text())
    for name in ("slices", "per_class", "serving"):  # named by the test images and the engine
        written["tally"].pop(name), sample["tally"].pop(name)
    for one in (written, sample):
        one["multiclass_classification_metrics"]["confusion_matrix"] = {}
    assert shape(written) == shape(sample)
    for key in ("name", "label", "description", "format", "better", "headline"):
        assert [one[key] for one in written["tally"]["metrics"]] == [
            one[key] for one in sample["tally"]["metrics"]
        ]


def test_the_decision_is_the_models_own(document: dict[str, Any], recorded_inputs: Path) -> None:
    found = document["tally"]["decision"]
    assert found["with_items"] == found["images"] == 72
    assert list(found["kinds"]) == list(KINDS)
    assert found["missed"] is (round(found["precision"]["value"], 3) < 0.95)
    shares = [found[name]["value"] for name in ("passed", "looked", "cannot_judge")]
    assert sum(shares) == pytest.approx(1)
    # Records of 6 and more can not be judged; they are a third of the bins.
    assert shares[2] > 0.25
    assert found["largest_difference"] < 1e-5
    assert found["compared_found_share"]["value"] == found["found_share"]["value"] > 0
    assert found["curve"][0] == {"looked": 0, "match": 0, "photo": 0, "items": 0, "random": 0}
    assert found["curve"][-1]["match"] is None, "what cannot be judged is never looked at"


def test_the_open_class_is_counted_rightly_and_named(evaluated: Path) -> None:
    document = json.loads((evaluated / "evaluation.json").read_text())
    tally = document["tally"]
    assert tally["classes"] == ["0", "1", "2", "3", "4", "5", "6+"]
    assert tally["per_class"]["6+"]["support"] == 24
    accuracy = tally["metrics"][0]
    assert "always answering 6 or more: 33.3 %" in accuracy["comparison"]
    rows = document["multiclass_classification_metrics"]["confusion_matrix"]
    assert sum(rows["6+"].values()) == 24
    lines = (evaluated / "predictions.csv").read_text().splitlines()
    assert any(line.split(",")[1:3] == ["8", "6+"] for line in lines)


def test_the_picture_of_the_decision_is_drawn(evaluated: Path) -> None:
    with Image.open(evaluated / "plots" / "decision.png") as picture:
        grey = np.asarray(picture.convert("L"))
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    assert grey.std() > 10 and edges.min() == 255
    document = json.loads((evaluated / "evaluation.json").read_text())
    assert document["tally"]["pictures"][0]["file"] == "plots/decision.png"


def test_figures_on_one_to_five_and_what_is_no_bin(document: dict[str, Any]) -> None:
    ones = document["tally"]["one_to_five"]
    assert ones["images"] == ones["photo"]["images"] == ones["with_record"]["images"] == 40
    assert {"photo", "with_record", "match"} < set(ones["passes"])
    pictures = document["tally"]["not_bins"]
    assert len(pictures["kinds"]) == 4 + 10
    assert sum(one["pictures"] for one in pictures["kinds"].values()) == 1 + 1 + 5 + 10 + 10
    assert pictures["kinds"]["white"]["refused"] == 1
    assert pictures["bins_refused"]["value"] < 0.1


def test_another_assumption_than_training_fitted_for_is_said(
    recorded_inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = RecordErrors.parse(0.3, USUAL_KINDS)
    evaluate.evaluate(recorded_inputs, tmp_path, 50, errors, 0.9)
    lines = capsys.readouterr().out.splitlines()
    first = next(line for line in lines if not line.startswith(("the ", "onnx")))
    assert first.startswith("While people look at ")
    assert "(70 % would be if nobody looked)" in first
    said = "fitted for 95 % right, not 90 % and 10 % wrong records, not 30 %."
    assert first.endswith(said)


@pytest.fixture(scope="module")
def loaded(recorded_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> archive.LoadedModel:
    return archive.load(recorded_inputs / "model", tmp_path_factory.mktemp("loaded") / "model")


def test_what_is_judged_is_what_the_endpoint_answers(
    loaded: archive.LoadedModel, recorded_inputs: Path
) -> None:
    """The verdicts on right records are those of the program's own `predict_fn`."""
    images = testset.find(recorded_inputs / "test")
    predicted = predictions.predict(loaded, images, 50)
    judged = judged_claims.judge(loaded, archive.network(loaded), predicted, ERRORS)
    batch = [request for image in images for request in predictions.decode(loaded, image)]
    served = loaded.program.predict_fn(batch, loaded.model)
    own = np.flatnonzero(judged.right)
    assert [one["verdict"] for one in served] == judged.verdicts[own].tolist()
    for answer, probability in zip(served, judged.scores[MATCH][own], strict=True):
        if answer["match_probability"] is None:
            assert np.isnan(probability)
        else:
            assert probability == pytest.approx(answer["match_probability"], abs=1e-4)
    assert predicted.with_record is not None
    assert predicted.with_record.answer.tolist() == [one["count"] for one in served]
    assert predicted.answer.tolist() == [one["photo_alone"]["count"] for one in served]


def test_a_network_that_joins_otherwise_than_what_serves_is_refused(
    loaded: archive.LoadedModel, recorded_inputs: Path
) -> None:
    import torch

    predicted = predictions.predict(loaded, testset.find(recorded_inputs / "test"), 50)
    network = archive.network(loaded)
    with torch.no_grad():
        network.fusion.weigh.bias[0] += 3
    with pytest.raises(EvaluationError, match="with stock records, the served model and its net"):
        judged_claims.check_join(network, predicted)


def test_the_pictures_that_are_no_bins_are_ten_different_scenes(recorded_inputs: Path) -> None:
    kinds = not_bins.pictures_by_kind(testset.find(recorded_inputs / "test"))
    scenes = {name: pictures[0] for name, pictures in kinds.items() if name not in
              ("black", "white", "noise", "blurred")}  # fmt: skip
    assert len(scenes) == 10
    small = [np.asarray(one.resize((8, 8)).convert("L"), float) for one in scenes.values()]
    for index, one in enumerate(small):
        assert all(np.abs(one - other).mean() > 5 for other in small[:index])


def test_a_model_without_a_rule_and_test_bins_without_records(
    recorded_inputs: Path, tmp_path: Path
) -> None:
    """Numbers that cannot be computed are null; nothing fails."""
    inputs = tmp_path / "input"
    shutil.copytree(recorded_inputs, inputs)
    (inputs / "test" / "bins.jsonl").unlink()
    shutil.rmtree(inputs / "validation")
    folder = save_model(tmp_path / "bare", range(9))
    settings = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**settings, "decision": None}))
    artifact.seal(folder)
    pack(folder, inputs / "model" / "model.tar.gz")
    evaluate.evaluate(inputs, tmp_path / "output", 50)
    tally = json.loads((tmp_path / "output" / "evaluation.json").read_text())["tally"]
    found = tally["decision"]
    assert found["sentence"].startswith("What the decision does is not known: the model was")
    assert found["found_share"] == found["looked"] == found["precision"] == {"value": None}
    assert found["compared_found_share"] == {"value": 0.0}
    assert tally["not_bins"] is None
    assert tally["one_to_five"]["photo"]["images"] == 40
    assert tally["one_to_five"]["with_record"] is tally["one_to_five"]["passes"] is None
    assert "accuracy_with_record" not in {one["name"] for one in tally["metrics"]}
    assert not (tmp_path / "output" / "plots" / "decision.png").exists()


OLDER = """
def model_fn(model_dir): return None
def input_fn(body, content_type, context=None): return [body]
def predict_fn(batch, model):
    return [{"count": 7, "confidence": 0.9, "probabilities": {"1": 0.1, "7": 0.9},
             "expected_count": 6.4, "match": False} for _ in batch]
"""


def test_an_approved_model_of_an_earlier_version_is_compared_on_counts(
    recorded_inputs: Path, tmp_path: Path
) -> None:
    """It knows neither records nor "6 or more"; its 7 is right where the bin holds 6 or more."""
    inputs = shutil.copytree(recorded_inputs, tmp_path / "input")
    folder = save_model(tmp_path / "older", (1, 7))
    (folder / "code" / "inference.py").write_text(OLDER)
    pack(folder, inputs / "approved" / "model.tar.gz")
    evaluate.evaluate(inputs, tmp_path / "output", 50)
    tally = json.loads((tmp_path / "output" / "evaluation.json").read_text())["tally"]
    assert tally["approved"]["accuracy"]["value"] == pytest.approx(24 / 72)
    assert "the approved model: 33.3 %" in tally["metrics"][0]["comparison"]


def test_a_list_of_bins_that_is_damaged_is_refused(recorded_inputs: Path, tmp_path: Path) -> None:
    test = shutil.copytree(recorded_inputs / "test", tmp_path / "test")
    (test / "bins.jsonl").write_text('{"id": "1", "count": 3, "items": null}\n{"id": 2}\n')
    with pytest.raises(EvaluationError, match=r"line 2 of .*bins\.jsonl is not as Prepare writes"):
        testset.find(test)


def test_a_kind_of_wrong_record_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate.main(["--record-error-kinds", "lost=1"])
    assert "the kinds are miscounted, item_not_there" in capsys.readouterr().err
