"""Exports the model for ONNX Runtime and compares it with PyTorch.

Two forms are tried: 32-bit, with the same answers as PyTorch, and 8-bit, which is smaller and
faster, with slightly different answers. model.json names the file that serves.
"""

from __future__ import annotations

import json
import logging
import math
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import decision
import engine
import item_features
from counts import Classes
from training.data.images import Images
from training.environment import TrainingError
from training.result import artifact

FLOAT, INT8 = "model.onnx", "model.int8.onnx"
OPSET = 17
LARGEST_DIFFERENCE = 0.001  # of a probability, between PyTorch and the 32-bit form
LARGEST_LOSS = 0.005  # of accuracy, in the 8-bit form
MOST_COMPARED = 1000  # validation images; more would delay the training
CALIBRATED_ON = 128  # training images that determine the range of every activation
BATCH = 32
# Share of the convolutions, from the first, that stay 32-bit: rounding them costs most accuracy and
# saves no time (docs/decisions/onnx-runtime-serves.md).
KEPT = 1 / 8
OTHERS = ("/record/", "/fusion/", "/familiar/")  # parts that stay 32-bit


@dataclass(frozen=True)
class Comparison:
    """The answers of an exported model, compared with PyTorch's.

    Attributes:
        images: number of images.
        accuracy: share of right answers.
        lost: PyTorch's accuracy minus this accuracy.
        uncertainty: standard deviation of `lost`, from the images that only one of the two answers
            right, as in a paired comparison, plus one, as zero may be luck.
        agreement: share of equal answers.
        difference: largest difference of a probability.
    """

    images: int
    accuracy: float
    lost: float
    uncertainty: float
    agreement: float
    difference: float


def write(folder: Path, train: Images, validation: Images, mode: str = "auto") -> None:
    """Export the model in a folder that is not sealed yet, and name the serving file in model.json.

    Args:
        folder: model.pt, model.json, training.json and code/, from `artifact.write`.
        train: images that calibrate the 8-bit form.
        validation: images for the comparison; those of counts that the model does not answer are
            ignored.
        mode: the hyperparameter `export`: auto, required or none.

    Raises:
        TrainingError: the export is required, and the model cannot be exported.
    """
    started = time.monotonic()
    settings = json.loads((folder / "model.json").read_text())
    serves, report = engine.WEIGHTS, dict[str, Any]()
    if mode != "none":
        try:
            serves, report = _export(folder, settings, train, validation)
        # Parts of a network may not be exportable; PyTorch and ONNX raise many kinds of error.
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            if mode == "required":
                raise TrainingError(
                    f"the model cannot be exported for ONNX Runtime ({reason}), and the inference "
                    "image has no PyTorch: choose another backbone, or set images.inference to an "
                    "image with PyTorch, such as AWS's"
                ) from error
            print(f"the model cannot be exported, so PyTorch serves it: {reason}", flush=True)
            report = {"failed": reason}
    for name in {FLOAT, INT8} - {serves}:
        (folder / name).unlink(missing_ok=True)
    settings["serves"] = serves
    (folder / "model.json").write_text(json.dumps(settings, indent=1))
    training = json.loads((folder / "training.json").read_text())
    training["export"] = report | {
        "serves": serves,
        "seconds": round(time.monotonic() - started, 2),
    }
    (folder / "training.json").write_text(json.dumps(training, indent=1))


def compare(
    answers: np.ndarray, reference: np.ndarray, truth: np.ndarray, difference: float
) -> Comparison:
    """Compare two sets of answers.

    Args:
        answers: int (n,), of the exported model.
        reference: int (n,), of PyTorch.
        truth: int (n,).
        difference: largest difference of a probability.
    """
    right, reference_right = answers == truth, reference == truth
    only_one = int((right != reference_right).sum())
    return Comparison(
        images=len(truth),
        accuracy=float(right.mean()),
        lost=float(reference_right.mean() - right.mean()),
        uncertainty=math.sqrt(only_one + 1) / len(truth),
        agreement=float((answers == reference).mean()),
        difference=difference,
    )


def _export(
    folder: Path, settings: dict[str, Any], train: Images, validation: Images
) -> tuple[str, dict[str, Any]]:
    """Export and compare; the file that serves, and a report."""
    reference = engine.load(folder, _with_hashes(folder, settings), engine.PYTORCH)
    _to_onnx(folder, settings)
    classes = Classes(tuple(settings["classes"]), bool(settings.get("or_more", False)))
    pixels, counts = sample(validation, MOST_COMPARED, classes)
    truth = np.array([classes.counts.index(classes.of(int(count))) for count in counts])
    expected = _probabilities(reference, pixels)
    exact = _compare_file(folder, settings, FLOAT, pixels, expected, truth)
    right = decision.decide(expected, settings["classes"]) == truth
    report = {"pytorch": {"accuracy": float(right.mean())}}
    report[FLOAT] = vars(exact)
    if not exact.difference <= LARGEST_DIFFERENCE:  # also refuses NaN
        raise ValueError(
            f"its probabilities differ from PyTorch's by up to {exact.difference:.4f}; "
            f"{LARGEST_DIFFERENCE} is allowed"
        )
    summary = f"the 32-bit form differs from PyTorch by at most {exact.difference:.1e}"
    serves = FLOAT
    if 1 / exact.images > LARGEST_LOSS:
        # Fewer images cannot show so small a loss.
        summary += f"; for the 8-bit form at least {1 / LARGEST_LOSS:.0f} are needed"
    else:
        _quantise(folder, sample(train, CALIBRATED_ON)[0])
        small = _compare_file(folder, settings, INT8, pixels, expected, truth)
        report[INT8] = vars(small)
        serves = INT8 if small.lost + small.uncertainty <= LARGEST_LOSS else FLOAT
        summary += (
            f"; the 8-bit form gives {small.agreement:.1%} of the same answers and loses "
            f"{100 * small.lost:.1f} ± {100 * small.uncertainty:.1f} percentage points of accuracy "
            f"({100 * LARGEST_LOSS:.1f} allowed)"
        )
    print(
        f"exported: ONNX Runtime serves {serves}. On {exact.images} validation images {summary}",
        flush=True,
    )
    return serves, report


def _with_hashes(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with the hashes that an engine checks; the folder is sealed later."""
    return settings | {"files": artifact.hashes(folder)}


def _to_onnx(folder: Path, settings: dict[str, Any]) -> None:
    size = int(settings["image_size"])
    model = engine.module(folder, _with_hashes(folder, settings))
    pixels = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        # This is the older of two exporters; the newer needs a protobuf that smdebug refuses.
        warnings.simplefilter("ignore")
        inputs = {"pixels": pixels}
        if model.record is not None:
            items, listed = item_features.encode([None, None])
            inputs |= {"items": torch.from_numpy(items), "listed": torch.from_numpy(listed)}
        torch.onnx.export(
            model, tuple(inputs.values()), str(folder / FLOAT), dynamo=False, opset_version=OPSET,
            input_names=list(inputs), output_names=list(model.outputs),
            dynamic_axes={name: {0: "bins"} for name in (*inputs, *model.outputs)},
        )  # fmt: skip


def _quantise(folder: Path, pixels: np.ndarray) -> None:
    """Write the 8-bit form: convolutions and the operators between them, weights by channel."""
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(quantization.CalibrationDataReader):
        def __init__(self, with_items: bool) -> None:
            self.batches = iter(np.array_split(pixels, math.ceil(len(pixels) / BATCH)))
            self.with_items = with_items

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            if batch is None or not self.with_items:
                return None if batch is None else {"pixels": batch}
            items, listed = item_features.encode([None] * len(batch))
            return {"pixels": batch, "items": items, "listed": listed}

    with tempfile.TemporaryDirectory() as scratch, _quiet():
        prepared = Path(scratch, "prepared.onnx")
        quant_pre_process(str(folder / FLOAT), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(str(prepared)).graph
        convolutions = [node.name for node in graph.node if node.op_type == "Conv"]
        # What reads the record is small, and its sums must stay exact.
        others = [node.name for node in graph.node if node.name.startswith(OTHERS)]
        quantization.quantize_static(
            str(prepared),
            str(folder / INT8),
            Images(len(graph.input) > 1),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Clip", "Relu", "Add"],
            nodes_to_exclude=convolutions[: math.ceil(KEPT * len(convolutions))] + others,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )


def _compare_file(
    folder: Path,
    settings: dict[str, Any],
    name: str,
    pixels: np.ndarray,
    expected: np.ndarray,
    truth: np.ndarray,
) -> Comparison:
    serving = _with_hashes(folder, settings) | {"serves": name}
    loaded = engine.load(folder, serving, engine.ONNX_RUNTIME)
    probabilities = _probabilities(loaded, pixels)
    difference = float(np.abs(probabilities - expected).max())
    answers, reference = (
        decision.decide(one, settings["classes"]) for one in (probabilities, expected)
    )
    return compare(answers, reference, truth, difference)


def _probabilities(loaded: engine.Engine, pixels: np.ndarray) -> np.ndarray:
    batches = range(0, len(pixels), BATCH)
    return np.concatenate([loaded.run(pixels[start : start + BATCH]).photo for start in batches])


def sample(
    images: Images, most: int, classes: Classes | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, size, size, 3) and counts (n) of images spread evenly over a channel.

    Args:
        images: a channel, sorted by count.
        most: largest number of images.
        classes: leave out images of no class; None for all images.
    """
    counts = images.counts.numpy()
    usable = np.array(
        [at for at, count in enumerate(counts) if not classes or classes.of(int(count)) is not None]
    )
    chosen = usable[spread(len(usable), most)]
    batches = torch.from_numpy(chosen).split(BATCH)
    parts = [pixels.permute(0, 2, 3, 1).numpy() for _, pixels in images.stream(batches)]
    return np.ascontiguousarray(np.concatenate(parts)), counts[chosen]


def spread(number: int, most: int) -> np.ndarray:
    """At most `most` of the indices of `number` images, evenly spread."""
    return np.linspace(0, number - 1, min(most, number)).round().astype(int)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the log of quantisation, which nobody can act on."""
    import onnxruntime

    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(3)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(2)
        logging.disable(logging.NOTSET)
