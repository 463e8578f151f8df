"""The model in the form that is served: exported for ONNX Runtime and compared with PyTorch.

Two forms are tried: 32-bit, which answers as PyTorch does, and 8-bit, which is smaller and faster
and answers a little otherwise. model.json says which file serves.
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

import engine
from training.data.images import Images
from training.result import artifact

AUTO, NONE = "auto", "none"
FLOAT, INT8 = "model.onnx", "model.int8.onnx"
OPSET = 17
LARGEST_DIFFERENCE = 0.001  # of a probability, between PyTorch and the 32-bit form
LARGEST_LOSS = 0.005  # of accuracy, by the 8-bit form
MOST_COMPARED = 1000  # validation images; more would keep a training waiting
CALIBRATED_ON = 128  # training images that show the range of every activation
BATCH = 32
# The first convolutions stay 32-bit: there rounding costs most accuracy, and 8 bits save no time
# (docs/decisions/onnx-runtime-serves.md).
KEPT = 1 / 8


@dataclass(frozen=True)
class Compared:
    """Answers beside PyTorch's.

    Attributes:
        images: how many.
        accuracy: share of right answers.
        lost: PyTorch's accuracy less this one.
        uncertainty: of `lost`, one standard deviation: the images that only one of the two gets
            right, as a paired comparison has it, and one more, as none may be luck.
        agreement: share of the same answers.
        difference: the largest between two probabilities.
    """

    images: int
    accuracy: float
    lost: float
    uncertainty: float
    agreement: float
    difference: float


def write(folder: Path, train: Images, validation: Images, wanted: str = AUTO) -> None:
    """Export the model of a folder that is not sealed yet: model.json gets `serves`.

    Args:
        folder: model.pt, model.json, training.json and code/, as `artifact.write` wrote them.
        train: the images that calibrate the 8-bit form.
        validation: the images that both forms are compared on; their counts may be more than the
            model's, which are left out.
        wanted: auto, or none, for a model that PyTorch serves.
    """
    started = time.monotonic()
    settings = json.loads((folder / "model.json").read_text())
    serves, report = engine.WEIGHTS, dict[str, Any]()
    if wanted == AUTO:
        try:
            serves, report = _export(folder, settings, train, validation)
        # A network may use what cannot be exported, which PyTorch and ONNX say in many ways.
        except Exception as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"the model is not exported, PyTorch serves it: {first}", flush=True)
            report = {"failed": first}
    for name in {FLOAT, INT8} - {serves}:
        (folder / name).unlink(missing_ok=True)
    settings["serves"] = serves
    (folder / "model.json").write_text(json.dumps(settings, indent=1))
    diary = json.loads((folder / "training.json").read_text())
    diary["export"] = report | {
        "serves": serves,
        "seconds": round(time.monotonic() - started, 2),
    }
    (folder / "training.json").write_text(json.dumps(diary, indent=1))


def compare(
    answers: np.ndarray, reference: np.ndarray, truth: np.ndarray, difference: float
) -> Compared:
    """Two sets of answers.

    Args:
        answers: int (n,), what one says.
        reference: int (n,), what PyTorch says.
        truth: int (n,).
        difference: the largest between two probabilities.
    """
    right, reference_right = answers == truth, reference == truth
    only_one = int((right != reference_right).sum())
    return Compared(
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
    """The file that serves, and what was found."""
    reference = engine.load(folder, _with_hashes(folder, settings), engine.PYTORCH)
    _to_onnx(folder, settings)
    pixels, truth = _some(validation, MOST_COMPARED, settings["classes"])
    wanted = _probabilities(reference, pixels)
    exact = _compared(folder, settings, FLOAT, pixels, wanted, truth)
    right = engine.decide(wanted, settings["classes"]) == truth
    report = {"pytorch": {"accuracy": float(right.mean())}}
    report[FLOAT] = vars(exact)
    if not exact.difference <= LARGEST_DIFFERENCE:  # written so that "no number" is refused, too
        raise ValueError(
            f"its probabilities differ from PyTorch's by up to {exact.difference:.4f}, and "
            f"{LARGEST_DIFFERENCE} is allowed"
        )
    compared = f"32 bits differ from PyTorch by at most {exact.difference:.1e}"
    serves = FLOAT
    if 1 / exact.images > LARGEST_LOSS:
        compared += (
            f"; for 8 bits {1 / LARGEST_LOSS:.0f} are needed"  # fewer cannot show so small a loss
        )
    else:
        _quantise(folder, _some(train, CALIBRATED_ON)[0])
        small = _compared(folder, settings, INT8, pixels, wanted, truth)
        report[INT8] = vars(small)
        serves = INT8 if small.lost + small.uncertainty <= LARGEST_LOSS else FLOAT
        compared += (
            f"; 8 bits give {small.agreement:.1%} of the same answers and lose "
            f"{100 * small.lost:.1f} ± {100 * small.uncertainty:.1f} points of accuracy, and "
            f"{100 * LARGEST_LOSS:.1f} are allowed"
        )
    print(
        f"exported: ONNX Runtime serves {serves}. On {exact.images} validation images {compared}",
        flush=True,
    )
    return serves, report


def _with_hashes(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """What an engine wants to see before it loads; the folder is sealed when all is there."""
    return settings | {"files": artifact.hashes(folder)}


def _to_onnx(folder: Path, settings: dict[str, Any]) -> None:
    size = int(settings["image_size"])
    model = engine.module(folder, _with_hashes(folder, settings))
    pixels = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        # This exporter is the older of two; the newer needs a protobuf that smdebug refuses.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (pixels,), str(folder / FLOAT), dynamo=False, opset_version=OPSET,
            input_names=["pixels"], output_names=["probabilities"],
            dynamic_axes={"pixels": {0: "images"}, "probabilities": {0: "images"}},
        )  # fmt: skip


def _quantise(folder: Path, pixels: np.ndarray) -> None:
    """Write the 8-bit form: convolutions and what is between them, weights by channel."""
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter(np.array_split(pixels, math.ceil(len(pixels) / BATCH)))

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {"pixels": batch}

    with tempfile.TemporaryDirectory() as scratch, _quiet():
        prepared = Path(scratch, "prepared.onnx")
        quant_pre_process(str(folder / FLOAT), str(prepared), skip_symbolic_shape=True)
        nodes = onnx.load(str(prepared)).graph.node
        convolutions = [node.name for node in nodes if node.op_type == "Conv"]
        quantization.quantize_static(
            str(prepared),
            str(folder / INT8),
            Images(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Clip", "Relu", "Add"],
            nodes_to_exclude=convolutions[: math.ceil(KEPT * len(convolutions))],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )


def _compared(
    folder: Path,
    settings: dict[str, Any],
    name: str,
    pixels: np.ndarray,
    wanted: np.ndarray,
    truth: np.ndarray,
) -> Compared:
    serving = _with_hashes(folder, settings) | {"serves": name}
    loaded = engine.load(folder, serving, engine.ONNX_RUNTIME)
    found = _probabilities(loaded, pixels)
    difference = float(np.abs(found - wanted).max())
    answers, reference = (engine.decide(one, settings["classes"]) for one in (found, wanted))
    return compare(answers, reference, truth, difference)


def _probabilities(loaded: engine.Engine, pixels: np.ndarray) -> np.ndarray:
    batches = range(0, len(pixels), BATCH)
    return np.concatenate([loaded.run(pixels[start : start + BATCH]) for start in batches])


def _some(
    images: Images, most: int, classes: list[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, size, size, 3) and classes (n) as indices, evenly from all images.

    Args:
        images: a channel, sorted by count.
        most: how many.
        classes: the counts to take; all without it.
    """
    counts = np.array(images.classes)[images.labels.numpy()]
    classes = list(images.classes) if classes is None else classes
    usable = np.flatnonzero(np.isin(counts, classes))
    chosen = usable[np.linspace(0, len(usable) - 1, min(most, len(usable))).round().astype(int)]
    batches = torch.from_numpy(chosen).split(BATCH)
    parts = [pixels.permute(0, 2, 3, 1).numpy() for _, pixels in images.stream(batches)]
    truth = np.array([classes.index(count) for count in counts[chosen]])
    return np.ascontiguousarray(np.concatenate(parts)), truth


@contextmanager
def _quiet() -> Iterator[None]:
    """Quantisation logs much that nobody can act on."""
    import onnxruntime

    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(3)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(2)
        logging.disable(logging.NOTSET)
