"""Judge a trained model on the test images, beside the model that is now approved.

Inputs under <root>/processing/input, where <root> is $OPT_ML or /opt/ml:
    model      model.tar.gz of Train
    approved   model.tar.gz of the approved model; a folder without one where none is approved
    test       <count>/<id>.jpg of Prepare
    validation the same of the images that training was chosen by; may be missing
    manifest   manifest.json of Prepare
Output in <root>/processing/output/evaluation:
    evaluation.json   SageMaker's model-quality format, with this project's own metrics as "tally"
    predictions.csv   what the model says of every test image
    training.json, debug_rules.json, profile.html, label_noise.json, suspects.png
                      as training wrote them into the model, if it did
    plots/            confusion, per_class, reliability, history, mistakes, verification, slices,
                      attention (.png)
    evaluation.html   all of it on one page

Each model answers through its own code/inference.py: what is judged is what is served.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation import (
    archive,
    calibration_error,
    engine_comparison,
    grad_cam,
    html_report,
    intervals,
    metrics,
    mistakes,
    plots,
    predictions,
    slices,
    slices_plot,
    summary,
    testset,
    unseen_images,
    verification,
    verification_plot,
)
from evaluation.errors import EvaluationError

FROM_TRAINING = (
    "training.json",
    "debug_rules.json",
    "profile.html",
    "label_noise.json",
    "suspects.png",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step; 1 and a message where an input cannot be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch-size", type=_positive, default=100, help="images at once")
    parser.add_argument(
        "--books-wrong", type=_share_of, default=verification.WRONG,
        help="share of the books that is taken to be wrong, above 0 and below 1",
    )  # fmt: skip
    parser.add_argument(
        "--match-precision", type=_share_of, default=verification.PRECISION,
        help="of the bins that pass without a person, the share whose books must be right",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    root = Path(os.environ.get("OPT_ML", "/opt/ml"))
    try:
        evaluate(
            root / "processing/input",
            root / "processing/output/evaluation",
            options.batch_size,
            options.books_wrong,
            options.match_precision,
        )
    except EvaluationError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        message = root / "output/message"  # becomes the job's ExitMessage
        message.parent.mkdir(parents=True, exist_ok=True)
        message.write_text(str(error))
        return 1
    return 0


def evaluate(
    inputs: Path,
    output: Path,
    batch_size: int,
    books_wrong: float = verification.WRONG,
    match_precision: float = verification.PRECISION,
) -> None:
    """Judge the model in `inputs` and write everything into `output`.

    Raises:
        EvaluationError: an input cannot be used.
    """
    images = testset.find(inputs / "test")
    manifest = inputs / "manifest" / "manifest.json"
    training_counts = testset.training_counts(manifest)
    pictures = output / "plots"
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        candidate = archive.load(inputs / "model", Path(scratch, "candidate"))
        _check_classes(candidate, images)
        found = _predict("the model", candidate, images, batch_size)
        serving_engine = engine_comparison.check(
            candidate,
            found,
            lambda model: _predict("the same by PyTorch", model, images, batch_size),
        )
        approved, both, fair, decides = None, found, None, True
        if (inputs / "approved" / archive.NAME).is_file():
            serving = archive.load(inputs / "approved", Path(scratch, "approved"))
            approved = _predict("the approved model", serving, images, batch_size)
            fair = unseen_images.unseen(images, serving.folder, manifest)
            decides = fair is None or len(fair) >= unseen_images.FEWEST
            if fair is not None and decides:
                both, approved = found.only(fair), approved.only(fair)
        temperature = calibration_error.temperature_of(candidate.folder)
        before = calibration_error.confidence_before(found, temperature)
        compared = metrics.comparison(both, approved, decides) | {
            "only_unseen": fair is not None and decides,
            "decides": decides,
        }
        document = describe(found, compared, training_counts)
        document["tally"] |= {
            "serving": serving_engine,
            "calibration": calibration_error.describe(found, before, temperature),
            "intervals": _intervals(found, both, approved, before),
            "slices": slices.describe(found, manifest),
            "verification": verification.describe(
                found,
                _of_validation(candidate, inputs / "validation", batch_size),
                books_wrong,
                match_precision,
            ),
        }
        no_maps = grad_cam.draw(pictures / "attention.png", candidate, found)
        document["tally"]["attention"] = {"left_out": no_maps}
        if no_maps:
            print(f"no picture of where the model looks: {no_maps}", flush=True)
        for name in FROM_TRAINING:
            if (candidate.folder / name).is_file():
                shutil.copyfile(candidate.folder / name, output / name)
    (output / "evaluation.json").write_text(json.dumps(document, indent=1))
    found.write(output / "predictions.csv")
    plots.draw(pictures, found, document, _read(output / "training.json"), before)
    accuracy = document["multiclass_classification_metrics"]["accuracy"]["value"]
    slices_plot.draw(pictures / "slices.png", document["tally"]["slices"], accuracy)
    verification_plot.draw(pictures / "verification.png", found, document["tally"]["verification"])
    mistakes.draw(pictures / "mistakes.png", found)
    (output / "evaluation.html").write_text(html_report.render(document, output), encoding="utf-8")
    print(summary.text(document), flush=True)


def describe(
    candidate: predictions.Predictions,
    compared: dict[str, Any],
    training_counts: dict[int, int],
) -> dict[str, Any]:
    """The document that evaluation.json holds."""
    truth = candidate.truth
    expected = metrics.regression(truth, candidate.expected_count)
    return {
        "multiclass_classification_metrics": metrics.classification(candidate),
        "regression_metrics": metrics.regression(truth, candidate.answer),
        "tally": {
            "test_images": len(truth),
            "classes": list(candidate.classes),
            "standard_deviation": f"over {metrics.SAMPLES} bootstrap samples of the test images",
            **metrics.counting(candidate),
            "expected_count": {name: expected[name] for name in ("rmse", "mae")},
            "baselines": metrics.baselines(truth, training_counts),
            "per_class": metrics.per_class(candidate),
            "approved": compared,
        },
    }


def _check_classes(candidate: archive.LoadedModel, images: Sequence[testset.TestImage]) -> None:
    unknown = sorted({image.count for image in images} - set(candidate.classes))
    if unknown:
        raise EvaluationError(
            f"the test set holds counts that the model does not know: {_list(unknown)} "
            f"(the model knows {_list(candidate.classes)}); train and test must come from the "
            "same run of Prepare"
        )


def _predict(
    name: str, loaded: archive.LoadedModel, images: Sequence[testset.TestImage], batch_size: int
) -> predictions.Predictions:
    started = time.monotonic()
    found = predictions.predict(loaded, images, batch_size)
    seconds = time.monotonic() - started
    print(
        f"{name} answered {len(images)} images in {seconds:.1f} s "
        f"({len(images) / max(seconds, 1e-9):.0f} images/s)",
        flush=True,
    )
    return found


def _read(file: Path) -> dict[str, Any] | None:
    return json.loads(file.read_text()) if file.is_file() else None


def _list(counts: Sequence[int]) -> str:
    return ", ".join(map(str, counts))


def _intervals(
    found: predictions.Predictions,
    both: predictions.Predictions,
    approved: predictions.Predictions | None,
    before: Any,
) -> dict[str, Any]:
    return {
        "level": intervals.LEVEL,
        "method": f"percentiles over {intervals.SAMPLES} bootstrap samples of the test images",
        **intervals.headline(found, before),
        **(intervals.compared(both, approved) if approved else {}),
    }


def _of_validation(
    candidate: archive.LoadedModel, folder: Path, batch_size: int
) -> predictions.Predictions | None:
    """Answers for the validation images of counts that are answered; None where there are none."""
    if not folder.is_dir():
        return None
    images = [one for one in testset.find(folder) if one.count in candidate.classes]
    return _predict("the model", candidate, images, batch_size) if images else None


def _share_of(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0 and below 1")
    return value


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    # A container's first process is not ended by SIGTERM unless it asks for that; threads go on.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    sys.exit(main())
