"""Write the self-test of a finished model: a few requests, and its answers to them.

The pictures are validation images as the network sees them: small squares, without what a camera
notes beside a picture. Why a few may be packed: docs/decisions/self-test-at-load.md.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import engine
import inference
import self_test
from counts import Classes
from record import Record
from training.data.images import Images
from training.result import artifact, export

PICTURES = 4
CANDIDATES = 32  # validation images among which the pictures are chosen
QUALITY = 90  # of JPEG
JPEG, JSON = "image/jpeg", "application/json"


def write(folder: Path, validation: Images) -> None:
    """Write `selftest/` into the folder of a model, and seal it.

    Chosen are pictures that are clearly bins and whose counts are clear, of different counts where
    there are any: another machine's arithmetic then changes no verdict. Every second request has a
    stock record, with the items where the bin's are known.

    Args:
        folder: of the model, complete but for its self-test.
        validation: images of the counts that the model answers, and of others, which are ignored.
    """
    artifact.seal(folder)
    settings = json.loads((folder / "model.json").read_text())
    target = folder / self_test.FOLDER
    target.mkdir(exist_ok=True)
    models = {settings["serves"]: inference.load(folder, _engine(settings["serves"]))}
    models.setdefault(engine.WEIGHTS, inference.load(folder, engine.PYTORCH))
    served = models[settings["serves"]]
    requests: list[dict[str, Any]] = []
    pictures, records = _candidates(validation, served.classes)
    for number, at in enumerate(_choose(served, pictures), start=1):
        body, kind = _jpeg(pictures[at]), JPEG
        if number % 2 == 0:
            body, kind = _with_record(served, body, records[at]), JSON
        file = f"{number}.{'json' if kind == JSON else 'jpg'}"
        (target / file).write_bytes(body)
        answers = {
            name: json.loads(inference.respond(model, body, kind)) for name, model in models.items()
        }
        requests.append({"file": file, "content_type": kind, "answers": answers})
    (target / self_test.ANSWERS).write_text(json.dumps({"requests": requests}, indent=1))
    artifact.seal(folder)


def _engine(weights: str) -> str:
    return engine.PYTORCH if weights == engine.WEIGHTS else engine.ONNX_RUNTIME


def _candidates(images: Images, classes: Classes) -> tuple[np.ndarray, list[Record | None]]:
    """Pixels (n, size, size, 3) of images spread over a channel, and the record of each."""
    counts = images.counts.tolist()
    usable = [at for at, count in enumerate(counts) if classes.of(count) is not None]
    chosen = [usable[at] for at in export.spread(len(usable), CANDIDATES)]
    pixels = [pixels for _, pixels in images.stream([torch.tensor(chosen)])]
    records = images.records
    return torch.cat(pixels).permute(0, 2, 3, 1).numpy(), [records[at] for at in chosen]


def _choose(model: inference.Model, pictures: np.ndarray) -> list[int]:
    """The candidates to pack: of the less strange half, the clearest of each count first."""
    evidence = inference.evidence_fn([inference.Request(one) for one in pictures], model)
    familiar = sorted(range(len(evidence)), key=lambda at: evidence[at].strangeness)
    kept = familiar[: max(PICTURES, len(familiar) // 2)]
    clearest = sorted(kept, key=lambda at: -float(evidence[at].photo.max()))
    counts = [int(evidence[at].photo.argmax()) for at in clearest]
    first = [at for place, at in enumerate(clearest) if counts[place] not in counts[:place]]
    others = [at for at in clearest if at not in first]
    return [*first, *others][:PICTURES]


def _jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _with_record(model: inference.Model, picture: bytes, record: Record | None) -> bytes:
    """A request with a record whose quantity is the count that the model sees."""
    answer = json.loads(inference.respond(model, picture, JPEG))
    document: dict[str, Any] = {
        "image": base64.b64encode(picture).decode(),
        "expected_quantity": answer["count"],
    }
    if record is not None and record.items:
        document["record"] = _listed(record)
    return json.dumps(document).encode()


def _listed(record: Record) -> Sequence[dict[str, Any]]:
    """A record's items as a client lists them, by their measures alone."""
    return [
        {key: value for key, value in item.as_dict().items() if value is not None}
        | {"quantity": item.quantity or 1}
        for item in record.items or ()
    ]
