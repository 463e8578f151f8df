"""The engine that runs a model: ONNX Runtime, or PyTorch if that cannot be used.

Copied into the model as `code/engine.py`. ONNX Runtime answers three times as fast and loads in a
tenth of the time, so torch is imported only if needed; this project's inference image has none. A
file is loaded only if its hash is the one in model.json, which training wrote.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import item_features
from record import Record

if TYPE_CHECKING:
    from served_network import Serving

WEIGHTS = "model.pt"
CHOICE = "TALLY_ENGINE"  # environment variable of the endpoint
AUTO, ONNX_RUNTIME, PYTORCH = "auto", "onnxruntime", "pytorch"
GPU = Path("/dev/nvidiactl")
NO_PYTORCH = (
    f"{WEIGHTS} needs PyTorch, which this image does not have. Serve a model that was exported for "
    "ONNX Runtime (see `export` in its training.json), or set images.inference to an image with "
    "PyTorch, such as AWS's for inference"
)

Settings = Mapping[str, Any]

log = logging.getLogger("engine")


class ModelError(RuntimeError):
    """The model's files are not those of its training, or cannot be used here."""


@dataclass(frozen=True)
class Outputs:
    """What a model computes for n bins; each distribution is float32 (n, classes).

    Attributes:
        photo: by the photo alone.
        strangeness: float32 (n,), how unlike the training images the photo is.
        items: by the items on record alone; None for a model that was trained without records.
        both: by photo and items, or by the photo where no items are given; None as `items`.
    """

    photo: np.ndarray
    strangeness: np.ndarray
    items: np.ndarray | None = None
    both: np.ndarray | None = None


@dataclass(frozen=True)
class Engine:
    """A loaded model.

    Attributes:
        name: onnxruntime or pytorch.
        file: the loaded file.
        compute: from uint8 pixels (n, size, size, 3), RGB, and the arrays of
            `item_features.encode` to the outputs in the order of `Outputs`.
        instead_of: why the file named in model.json is not used; empty if it is used.
    """

    name: str
    file: str
    compute: Callable[[np.ndarray, np.ndarray, np.ndarray], Sequence[np.ndarray]]
    instead_of: str = ""

    def run(self, pixels: np.ndarray, records: Sequence[Record | None] = ()) -> Outputs:
        """Compute the outputs for images, with the stock record of each where there is one."""
        known = list(records) or [None] * len(pixels)
        return Outputs(*self.compute(pixels, *item_features.encode(known)))


def load(folder: Path, settings: Settings, choice: str = "") -> Engine:
    """Load a model and run it once, so that the first request is as fast as the others.

    Args:
        folder: the unpacked model.tar.gz.
        settings: its model.json; `serves` names the file to use, `files` the hashes of all.
        choice: auto, onnxruntime or pytorch; empty for $TALLY_ENGINE, else auto: the file in
            `serves` if it can be used here, otherwise, or on a GPU, PyTorch.

    Raises:
        ModelError: a required file is missing or changed, model.json lists no hashes, or the
            choice is not allowed.
    """
    choice = choice or os.environ.get(CHOICE) or AUTO
    if choice not in (AUTO, ONNX_RUNTIME, PYTORCH):
        raise ModelError(f"{CHOICE} is '{choice}'; allowed: {AUTO}, {ONNX_RUNTIME}, {PYTORCH}")
    for name in listed(settings):
        if name.startswith("code/"):
            read(folder, settings, name)
    engine = _load_chosen(folder, settings, choice)
    size, classes = int(settings["image_size"]), len(settings["classes"])
    shape = engine.run(np.zeros((1, size, size, 3), np.uint8)).photo.shape
    if shape != (1, classes):
        raise ModelError(
            f"{engine.file} answers {shape[1:]} numbers for an image, "
            f"and model.json lists {classes} classes"
        )
    return engine


def threads() -> int:
    """Number of cores for one prediction; a container often has fewer than the machine."""
    variable = os.environ.get("OMP_NUM_THREADS", "")
    if variable.isdecimal() and int(variable):
        return int(variable)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load_chosen(folder: Path, settings: Settings, choice: str) -> Engine:
    serves = str(settings.get("serves", WEIGHTS))
    if choice == PYTORCH or (serves == WEIGHTS and choice == AUTO):
        return _pytorch(folder, settings)
    if serves == WEIGHTS:
        raise ModelError("the model was not exported for ONNX Runtime; set the engine to pytorch")
    if choice == AUTO and GPU.exists() and _has_pytorch():
        return _pytorch(folder, settings, "this machine has a GPU")
    try:
        return _onnx_runtime(folder, settings, serves)
    # Its errors have no common class, and the remedy is the same for all.
    except Exception as error:
        reason = str(error) or type(error).__name__
        if choice == ONNX_RUNTIME or not _has_pytorch():
            raise ModelError(f"{serves} cannot be used: {reason}") from error
        log.warning("%s is not used: %s. PyTorch answers in its place", serves, reason)
        return _pytorch(folder, settings, reason)


def _onnx_runtime(folder: Path, settings: Settings, name: str) -> Engine:
    content = read(folder, settings, name)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = threads()
    # A waiting thread yields its core to the decoders and to other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def compute(*inputs: np.ndarray) -> Sequence[np.ndarray]:
        # A model without a record has one input.
        outputs: Sequence[np.ndarray] = session.run(None, dict(zip(names, inputs, strict=False)))
        return outputs

    return Engine(ONNX_RUNTIME, name, compute)


def module(folder: Path, settings: Settings) -> Serving:
    """Load the network as a module, from pixels and items to outputs as `Engine.compute`.

    Raises:
        ModelError: the weights are missing or changed, model.json lists no hashes, or there is no
            PyTorch.
    """
    content = read(folder, settings, WEIGHTS)
    if not _has_pytorch():
        raise ModelError(NO_PYTORCH)
    import torch

    import network
    import served_network

    outputs = int(settings.get("outputs", len(settings["classes"])))
    built = network.build(settings["backbone"], outputs)
    # weights_only: a pickle could run code, tensors cannot.
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return served_network.build(state, settings, built)


def _pytorch(folder: Path, settings: Settings, instead_of: str = "") -> Engine:
    model = module(folder, settings)
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device, memory_format=torch.channels_last)

    def compute(*inputs: np.ndarray) -> Sequence[np.ndarray]:
        with torch.inference_mode():
            outputs = model(*(torch.from_numpy(values).to(device) for values in inputs))
            return [np.asarray(values.cpu()) for values in outputs]

    return Engine(PYTORCH, WEIGHTS, compute, instead_of)


def _has_pytorch() -> bool:
    return importlib.util.find_spec("torch") is not None


def read(folder: Path, settings: Settings, name: str) -> bytes:
    """Read a file that training wrote, and check its hash.

    Raises:
        ModelError: the file is missing or changed, or model.json lists no hashes.
    """
    wanted = str(listed(settings).get(name, "none"))
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise ModelError(f"{name} is missing in the model's folder {folder}") from error
    actual = hashlib.sha256(content).hexdigest()
    if wanted != actual:
        raise ModelError(
            f"{name} is not the file that training wrote: its sha256 is {actual[:12]}…, and "
            f"model.json lists {wanted[:12]}…; deploy the model's archive as Train wrote it"
        )
    return content


def listed(settings: Settings) -> Mapping[str, str]:
    """The sha256 of every file that training wrote, by its path in the model's folder.

    Raises:
        ModelError: model.json lists none.
    """
    files = settings.get("files")
    if not isinstance(files, Mapping) or not files:
        raise ModelError(
            "model.json lists no files with their sha256, so they cannot be checked; deploy the "
            "model's archive as Train wrote it"
        )
    return files
