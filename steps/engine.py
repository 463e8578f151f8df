"""What a model computes its answers with: ONNX Runtime, or PyTorch where that cannot be used.

Shipped inside the model as `code/engine.py`. ONNX Runtime answers three times as fast and loads in
a tenth of the time, so torch is imported only where it is needed. A file is loaded only if it is
the one that training wrote, by the hash in model.json.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = "model.pt"
CHOICE = "TALLY_ENGINE"  # an environment variable, for who runs the endpoint
AUTO, ONNX_RUNTIME, PYTORCH = "auto", "onnxruntime", "pytorch"
GPU = Path("/dev/nvidiactl")
NEAR = 0.3  # what an answer that is one item off is worth, where the right one is worth 1

Settings = Mapping[str, Any]

log = logging.getLogger("engine")


class ModelError(RuntimeError):
    """The model's folder does not hold what training wrote there, or asks for what is not here."""


@dataclass(frozen=True)
class Engine:
    """A loaded model.

    Attributes:
        name: onnxruntime or pytorch.
        file: what it was loaded from.
        run: uint8 pixels (n, size, size, 3), RGB, to float32 probabilities (n, classes).
        instead_of: why the file that model.json names is not used; empty where it is.
    """

    name: str
    file: str
    run: Callable[[np.ndarray], np.ndarray]
    instead_of: str = ""


def load(folder: Path, settings: Settings, wanted: str = "") -> Engine:
    """Load the model of a folder, and let it answer once, so that no request pays for the first.

    Args:
        folder: the unpacked model.tar.gz.
        settings: its model.json; `serves` names the file to use, `files` the hashes of all.
        wanted: auto, onnxruntime or pytorch; without it $TALLY_ENGINE, else auto: what `serves`
            says if that can be used here, and PyTorch if not, or on a GPU.

    Raises:
        ModelError: a file that is needed is missing or changed, model.json lists no hashes, or the
            choice is none.
    """
    wanted = wanted or os.environ.get(CHOICE) or AUTO
    if wanted not in (AUTO, ONNX_RUNTIME, PYTORCH):
        raise ModelError(f"{CHOICE} is '{wanted}'; allowed: {AUTO}, {ONNX_RUNTIME}, {PYTORCH}")
    for name in _listed(settings):
        if name.startswith("code/"):
            _read(folder, settings, name)
    engine = _chosen(folder, settings, wanted)
    size, classes = int(settings["image_size"]), len(settings["classes"])
    shape = engine.run(np.zeros((1, size, size, 3), np.uint8)).shape
    if shape != (1, classes):
        raise ModelError(
            f"{engine.file} answers {shape[1:]} numbers for an image, "
            f"and model.json lists {classes} classes"
        )
    return engine


def decide(probabilities: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """The answer for each image: the index (n) of the count that is worth most in expectation.

    Being one item off is worth `NEAR` of being right. So of two counts that are about as probable
    the one with the more probable neighbours is answered: as often right, and nearer where it is
    wrong (docs/decisions/near-misses.md).

    Args:
        probabilities: float (n, classes).
        classes: the counts.
    """
    counts = np.asarray(classes)
    away = np.abs(counts[:, None] - counts)
    return (probabilities @ np.select([away == 0, away == 1], [1.0, NEAR])).argmax(axis=1)


def threads() -> int:
    """How many cores one prediction uses: a container is often given fewer than there are."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdecimal() and int(given):
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chosen(folder: Path, settings: Settings, wanted: str) -> Engine:
    serves = str(settings.get("serves", WEIGHTS))
    if wanted == PYTORCH or (serves == WEIGHTS and wanted == AUTO):
        return _pytorch(folder, settings)
    if serves == WEIGHTS:
        raise ModelError("the model was not exported for ONNX Runtime; set the engine to pytorch")
    if wanted == AUTO and GPU.exists():
        return _pytorch(folder, settings, "this machine has a GPU")
    try:
        return _onnx_runtime(folder, settings, serves)
    # Its errors have no class in common, and the cure is the same for all.
    except Exception as error:
        reason = str(error) or type(error).__name__
        if wanted == ONNX_RUNTIME:
            raise ModelError(f"{serves} cannot be used: {reason}") from error
        log.warning("%s is not used: %s. PyTorch answers in its place", serves, reason)
        return _pytorch(folder, settings, reason)


def _onnx_runtime(folder: Path, settings: Settings, name: str) -> Engine:
    content = _read(folder, settings, name)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = threads()
    # A thread that waits gives its core to the decoders and to other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    wanted = session.get_inputs()[0].name

    def run(pixels: np.ndarray) -> np.ndarray:
        return session.run(None, {wanted: pixels})[0]

    return Engine(ONNX_RUNTIME, name, run)


def module(folder: Path, settings: Settings) -> nn.Module:
    """The network as a module, from pixels to probabilities as `Engine.run`.

    Raises:
        ModelError: the weights are missing or changed, or model.json lists no hashes.
    """
    content = _read(folder, settings, WEIGHTS)
    import torch

    import network

    outputs = int(settings.get("outputs", len(settings["classes"])))
    built = network.build(settings["backbone"], outputs)
    # weights_only: a pickle could run code, tensors cannot.
    built.load_state_dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
    return network.Serving(network.counting(built, settings), settings).eval()


def _pytorch(folder: Path, settings: Settings, instead_of: str = "") -> Engine:
    model = module(folder, settings)
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device, memory_format=torch.channels_last)

    def run(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(pixels).to(device)).cpu().numpy()

    return Engine(PYTORCH, WEIGHTS, run, instead_of)


def _read(folder: Path, settings: Settings, name: str) -> bytes:
    """The content of a file, which is what training wrote."""
    listed = str(_listed(settings).get(name, "none"))
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise ModelError(f"{name} is missing in the model's folder {folder}") from error
    found = hashlib.sha256(content).hexdigest()
    if listed != found:
        raise ModelError(
            f"{name} is not the file that training wrote: its sha256 is {found[:12]}…, and "
            f"model.json lists {listed[:12]}…; deploy the model's archive as Train wrote it"
        )
    return content


def _listed(settings: Settings) -> Mapping[str, str]:
    files = settings.get("files")
    if not isinstance(files, Mapping) or not files:
        raise ModelError(
            "model.json lists no files with their sha256, so nothing says that they are what "
            "training wrote; deploy the model's archive as Train wrote it"
        )
    return files
