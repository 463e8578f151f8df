"""Evaluate a trained model on the test images, beside the model that is approved now.

Inputs under <root>/processing/input, where <root> is $OPT_ML or /opt/ml:
    model      model.tar.gz of Train
    approved   model.tar.gz of the approved model; a folder without one if none is approved
    test       <count>/<id>.jpg of Prepare, and bins.jsonl with the stock records, if known
    validation the same of the images by which training chose the model; may be missing
    manifest   manifest.json of Prepare
Output in <root>/processing/output/evaluation, and in output/baselines the baseline once more, under
the id of the model, <id>.json:
    evaluation.json   SageMaker's model-quality format, with this project's own metrics as "tally"
    evaluation.html   all results on one page
    baseline.json     what the answers to the test photos look like, for the watch step
    predictions.csv   the prediction for every test image
    training.json, debug_rules.json, profile.html, label_noise.json, suspects.png
                      copied from the model, if training wrote them
    plots/            confusion, per_class, reliability, history, mistakes, decision, slices,
                      grad_cam (.png)

Each model predicts through its own code/inference.py: what is evaluated is what is served.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import processing_job
from counts import Classes
from evaluation import (
    approved_model,
    archive,
    calibration_error,
    captions,
    decision_on_test,
    decision_plot,
    engine_comparison,
    grad_cam,
    html_report,
    intervals,
    metrics,
    mistakes,
    not_bins,
    one_to_five,
    plots,
    predictions,
    slices,
    slices_plot,
    summary,
    testset,
    watched,
)
from evaluation.baselines import baselines
from evaluation.errors import EvaluationError
from record_errors import USUAL_KINDS, RecordErrors
from watching import baseline

# Where nothing better is known.
RECORD_ERROR_RATE, MATCH_PRECISION = 0.1, 0.95
FROM_TRAINING = (
    "training.json",
    "debug_rules.json",
    "profile.html",
    "label_noise.json",
    "suspects.png",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step; 1 and a message if an input cannot be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch-size", type=_positive, default=100, help="images at once")
    parser.add_argument(
        "--record-error-rate", type=processing_job.share, default=RECORD_ERROR_RATE,
        help="share of the stock records that is assumed to be wrong, above 0 and below 1",
    )  # fmt: skip
    parser.add_argument(
        "--match-precision", type=processing_job.share, default=MATCH_PRECISION,
        help="share of the bins that pass without a person whose record must be correct",
    )  # fmt: skip
    parser.add_argument(
        "--record-error-kinds", type=_kinds, default=USUAL_KINDS,
        help=f"share of each kind among the wrong records, such as {USUAL_KINDS}",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    root = Path(os.environ.get("OPT_ML", "/opt/ml"))
    try:
        evaluate(
            root / "processing/input",
            root / "processing/output/evaluation",
            options.batch_size,
            RecordErrors.parse(options.record_error_rate, options.record_error_kinds),
            options.match_precision,
        )
    except EvaluationError as error:
        return processing_job.fail(root, "evaluate", error)
    return 0


def evaluate(
    inputs: Path,
    output: Path,
    batch_size: int,
    errors: RecordErrors | None = None,
    match_precision: float = MATCH_PRECISION,
) -> None:
    """Evaluate the model in `inputs` and write everything into `output`.

    Args:
        inputs: the channels.
        output: the folder to write in.
        batch_size: images at once.
        errors: how stock records are assumed to be wrong; None for the usual ways.
        match_precision: the share of the passing bins whose record must be right.

    Raises:
        EvaluationError: an input cannot be used.
    """
    errors = errors or RecordErrors.parse(RECORD_ERROR_RATE, USUAL_KINDS)
    images = testset.find(inputs / "test")
    manifest = inputs / "manifest" / "manifest.json"
    training_counts = testset.training_counts(manifest)
    folder = output / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        model = archive.load(inputs / "model", Path(scratch, "candidate"))
        _check_counts(model, images)
        started = time.monotonic()
        predicted = _predict("the model", model, images, batch_size)
        speed = len(images) / max(time.monotonic() - started, 1e-9)
        serving = engine_comparison.check(
            model,
            predicted,
            lambda reference: _predict("the same in PyTorch", reference, images, batch_size),
        )
        # What a photo costs follows from it; reading and decoding the photos are in it.
        serving |= {"images_per_second": round(speed, 1), "cores": len(os.sched_getaffinity(0))}
        compared = None
        if (inputs / "approved" / archive.NAME).is_file():
            approved = archive.load(inputs / "approved", Path(scratch, "approved"))
            theirs = _predict("the approved model", approved, images, batch_size, model.classes)
            compared = approved_model.compare(predicted, theirs, images, approved.folder, manifest)
        network = archive.network(model)
        temperature = calibration_error.read_temperature(model.folder)
        unscaled = calibration_error.unscaled_confidence(predicted, temperature, network)
        document = describe(predicted, compared, training_counts, temperature, unscaled)
        tally = document["tally"]
        tally |= {
            "serving": serving,
            "slices": slices.describe(predicted, manifest),
            "decision": decision_on_test.describe(
                model, network, predicted, errors, match_precision
            ),
            "one_to_five": one_to_five.describe(
                model,
                network,
                predicted,
                _predict_validation(model, inputs / "validation", batch_size),
            ),
            "not_bins": not_bins.describe(model, predicted),
        }
        _write_baseline(watched.describe(model, predicted, errors), output)
        why = grad_cam.draw(folder / "grad_cam.png", model, predicted)
        tally["grad_cam"] = {"left_out": why}
        if why:
            print(f"no picture of where the model looks: {why}", flush=True)
        for name in FROM_TRAINING:
            if (model.folder / name).is_file():
                shutil.copyfile(model.folder / name, output / name)
    predicted.write(output / "predictions.csv")
    training = output / "training.json"
    history = json.loads(training.read_text()) if training.is_file() else None
    plots.draw(folder, predicted, document, history, unscaled)
    accuracy = document[metrics.CLASSIFICATION]["accuracy"]["value"]
    slices_plot.draw(folder / "slices.png", tally["slices"], accuracy)
    decision_plot.draw(folder / "decision.png", tally["decision"])
    mistakes.draw(folder / "mistakes.png", predicted)
    tally["pictures"] = captions.describe(output)
    (output / "evaluation.json").write_text(json.dumps(document, indent=1))
    (output / "evaluation.html").write_text(html_report.render(document, output), encoding="utf-8")
    print(summary.text(document), flush=True)


def describe(
    predicted: predictions.Predictions,
    compared: approved_model.Comparison | None,
    training_counts: dict[int, int],
    temperature: float,
    unscaled: np.ndarray | None,
) -> dict[str, Any]:
    """The metrics of evaluation.json.

    Args:
        predicted: by the model that is evaluated.
        compared: the approved model beside it, if there is one.
        training_counts: how many training images have each count.
        temperature: of the model.
        unscaled: float (images,), the confidence of its predictions with temperature 1; None where
            that is not known.
    """
    beside = baselines(predicted, training_counts, temperature, unscaled)
    approved = approved_model.without_approved_model(predicted)
    if compared:
        approved = compared.describe()
        beside["approved"] = compared.baseline(approved)
    document = metrics.describe(predicted, beside)
    document["tally"] |= {
        "test_images": len(predicted.truth),
        "classes": list(predicted.names),
        "resampling": f"{intervals.SAMPLES} bootstrap samples of the test images",
        "accuracy_in_words": approved_model.fraction(predicted.correct),
        "approved": approved,
        "calibration": calibration_error.describe(predicted, unscaled, temperature),
        "per_class": metrics.per_count(predicted),
    }
    return document


def _check_counts(model: archive.LoadedModel, images: Sequence[testset.TestImage]) -> None:
    unknown = sorted({image.count for image in images if model.classes.of(image.count) is None})
    if unknown:
        raise EvaluationError(
            f"the test set holds counts that the model does not know: {_list(unknown)} "
            f"(the model knows {_list(model.classes.names)}); train and test must come from the "
            "same run of Prepare"
        )


def _predict(
    name: str,
    model: archive.LoadedModel,
    images: Sequence[testset.TestImage],
    batch_size: int,
    classes: Classes | None = None,
) -> predictions.Predictions:
    started = time.monotonic()
    predicted = predictions.predict(model, images, batch_size, classes)
    seconds = time.monotonic() - started
    print(
        f"{name} counted {len(images)} images in {seconds:.1f} s "
        f"({len(images) / max(seconds, 1e-9):.0f} images/s)",
        flush=True,
    )
    return predicted


def _predict_validation(
    model: archive.LoadedModel, folder: Path, batch_size: int
) -> predictions.Predictions | None:
    """Predictions for the validation images of the model's counts; None if there are none."""
    if not folder.is_dir():
        return None
    found = testset.find(folder)
    images = [image for image in found if model.classes.of(image.count) is not None]
    return _predict("the model", model, images, batch_size) if images else None


def _write_baseline(described: baseline.Baseline | None, output: Path) -> None:
    """Write baseline.json, and the same where the watch step finds it by the model's id."""
    if described is None:
        return
    text = json.dumps(described.as_document(), indent=1)
    (output / baseline.FILE).write_text(text)
    by_model = output.parent / baseline.FOLDER
    by_model.mkdir(exist_ok=True)
    (by_model / f"{described.model}.json").write_text(text)


def _list(counts: Sequence[object]) -> str:
    return ", ".join(map(str, counts))


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def _kinds(text: str) -> str:
    try:
        RecordErrors.parse(RECORD_ERROR_RATE, text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


if __name__ == "__main__":
    processing_job.end_when_stopped()
    sys.exit(main())
