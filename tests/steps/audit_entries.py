"""Audits for tests: entries of the log, as the desk writes them."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

_numbers = itertools.count(1)


def identity(number: int) -> str:
    """A UUID4 in hex."""
    return f"{number:012x}4000a000000000000000"


def document(number: int = 1, **changed: Any) -> dict[str, Any]:
    """An entry as the desk writes it."""
    return {
        "version": 1,
        "id": identity(number),
        "when": f"2026-11-30T08:15:{number % 60:02}.000000Z",
        "who": "Ana",
        "decision": "adjusted",
        "undoes": None,
        "true_count": 2,
        "image": "00042.jpg",
        "image_sha256": "ab" * 32,
        "record_id": "00042",
        "expected_quantity": 3,
        "items": [{"sku": "A", "quantity": 3}],
        "verdict": "look",
        "model_count": 4,
        "model_or_more": False,
        "probability": 0.25,
        "model_package": "arn:aws:sagemaker:eu-central-1:000000000000:model-package/tally/3",
        "shift": "early",
        "sampled": False,
        "note": "",
    } | changed


def audit(log: Path, photo: Path, recorded: int, true: int | None, **changed: Any) -> Path:
    """Write the audit of a photo; a count of None finds it unusable."""
    decision = "unusable" if true is None else "record_right" if true == recorded else "adjusted"
    entry = document(
        next(_numbers),
        decision=decision,
        true_count=true,
        expected_quantity=recorded,
        image=photo.name,
        image_sha256=hashlib.sha256(photo.read_bytes()).hexdigest(),
    )
    file = log / "2026-11-30" / f"{entry['id']}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(entry | changed))
    return file
