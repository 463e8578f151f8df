"""The sizes of a serverless endpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SERVERLESS: Final = "SERVERLESS"  # the environment variable with a `Serverless` as JSON


@dataclass(frozen=True)
class Serverless:
    """A variant without instances: a server is started for requests, and they are paid for.

    Attributes:
        memory_mb: Its memory in MB, in steps of 1024 from 1024 to 6144; 0: instances instead.
        max_concurrency: The most requests at the same time.
    """

    memory_mb: int = 0
    max_concurrency: int = 5

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Serverless:
        """The sizes that `setup` has given to the function; instances where it has not."""
        return cls(**json.loads(environment.get(SERVERLESS) or "{}"))
