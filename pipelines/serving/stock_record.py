"""The stock record of one bin, as it is sent to the model beside a photo."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_registry.errors import RegistryError
from pipelines.steps import document, record

CONTENT_TYPE = "application/json"


class StockRecordError(RegistryError):
    """A stock record cannot be used; the message says where it is and why."""


@dataclass(frozen=True)
class StockRecord:
    """What is on record about one bin.

    Attributes:
        items: ABID's metadata or a list of items, as JSON has it; None if not known.
        quantity: How many items the bin should hold; None to take it from `items`.
    """

    items: Any = None
    quantity: int | None = None

    def request(self, image: bytes) -> bytes:
        """The body of a request about an image with this record, in JSON."""
        content = {"image": base64.b64encode(image).decode(), "record": self.items}
        if self.quantity is not None:
            content["expected_quantity"] = self.quantity
        return json.dumps(content).encode()

    def request_bytes(self, image_bytes: int) -> int:
        """How long the request about an image of so many bytes is."""
        return len(self.request(b"")) + 4 * -(-image_bytes // 3)


def load(path: Path, option: str, quantity: int | None = None) -> StockRecord:
    """Read a stock record from a JSON file, and check it as the model would.

    Args:
        path: The file.
        option: The option that names it, for messages.
        quantity: The expected quantity, if it is given beside the record.

    Raises:
        StockRecordError: There is no such file, or it is not a stock record.
    """
    path = path.expanduser()
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no file"
        raise StockRecordError(f"{option}: {path} is {kind}; name a JSON file.")
    try:
        items = document.read(path.read_bytes(), "the file")
        record.parse(items)
    except (document.DocumentError, record.RecordError, RecursionError) as error:
        raise StockRecordError(f"{option}: {path}: {error}.") from None
    return StockRecord(items, quantity)
