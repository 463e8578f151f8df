"""Request and answer in words, for whoever finds a version in the model registry.

The words are those of the JSON Schemas in steps/schemas/, which are tested against the server.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.root import ROOT

REQUEST, ANSWER = SCHEMAS = tuple(
    ROOT / "steps" / "schemas" / name for name in ("request.json", "answer.json")
)
LONGEST_DETAIL = 1024  # characters of a custom detail, by the JSON schema of SageMaker model cards
LONGEST_DESCRIPTION = 1024  # of a model package
DESCRIPTION = (
    "Counts the items in a photograph of one bin, and says whether the bin's stock record is right "
    "(verdict: pass, look or cannot_judge). Send the photo as image/jpeg or image/png, with "
    "expected_quantity=3 in CustomAttributes if the quantity is known; or photo and stock record "
    "as multipart/form-data (parts image, record, expected_quantity) or as application/json "
    '({"image": base64, "record": [...], "expected_quantity": 3}). A record is a list of items '
    "(sku, quantity, length, width, height, unit, weight, weight_unit) or ABID's metadata. The "
    "answer is JSON. The model card describes each key."
)


def details() -> dict[str, str]:
    """What each key of a request and of an answer means, for the model card."""
    found = {}
    for name, file in (("request", REQUEST), ("answer", ANSWER)):
        schema = json.loads(file.read_text(encoding="utf-8"))
        found[name] = schema["description"]
        found[f"{name} example"] = json.dumps(schema["examples"][0])
        found |= {f"{name}.{key}": text for key, text in _described(schema, schema)}
    return found


def _described(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The path and the description of each property, those of a list's entries included."""
    for key, value in schema.get("properties", {}).items():
        described = _resolved(value, whole)
        if text := described.get("description"):
            yield key, f"{_type(described)}{text}"
        for choice in described.get("anyOf", [described]):
            inner = _resolved(choice, whole)
            entries = _resolved(inner.get("items", {}), whole)
            for path, one in [*_described(inner, whole), *_described(entries, whole)]:
                yield f"{key}.{path}", one


def _resolved(value: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    name = value.get("$ref", "").removeprefix("#/$defs/")
    return whole["$defs"][name] if name else value


def _type(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type", [])
    if choices := schema.get("enum"):
        kinds = ["null" if choice is None else str(choice) for choice in choices]
    return f"({' or '.join([kinds] if isinstance(kinds, str) else kinds)}) " if kinds else ""
