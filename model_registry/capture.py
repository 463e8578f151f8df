"""What an endpoint keeps of its answers: SageMaker's data capture, of the output alone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

CAPTURE: Final = "CAPTURE"  # the environment variable with a `Capture` as JSON


@dataclass(frozen=True)
class Capture:
    """How much is kept, and where.

    Attributes:
        percent: The share of the answers; 0: none.
        address: The S3 prefix; SageMaker adds endpoint, variant and hour.
    """

    percent: int = 0
    address: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Capture:
        """The capture that `setup` has given to the function; none where it has not."""
        return cls(**json.loads(environment.get(CAPTURE) or "{}"))

    def applied(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """An endpoint configuration's settings with this capture.

        A photo is never kept: requests hold them, answers do not. Without a share, what captures to
        this address is switched off; a capture that somebody made to another address stays.
        """
        others = {key: value for key, value in settings.items() if key != "DataCaptureConfig"}
        present = settings.get("DataCaptureConfig") or {}
        if self.percent:
            config = {
                "EnableCapture": True,
                "InitialSamplingPercentage": self.percent,
                "DestinationS3Uri": self.address,
                "CaptureOptions": [{"CaptureMode": "Output"}],
                # As text, not in base64: a third smaller, and readable.
                "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
            }
            return {**others, "DataCaptureConfig": config}
        is_ours = present.get("DestinationS3Uri") == self.address
        return others if is_ours or not present else dict(settings)
