"""The chain by Metaflow: each step a process in this environment, `end` included."""

import json
import time
from pathlib import Path

from metaflow import FlowSpec, Parameter, step


class Chain(FlowSpec):
    """A step that follows itself."""

    steps = Parameter("steps", type=int, required=True)
    file = Parameter("times", type=str, required=True)

    @step
    def start(self) -> None:
        """Begin with no times."""
        self.times: list[float] = []
        self.next(self.add_time)

    @step
    def add_time(self) -> None:
        """Add now."""
        self.times = [*self.times, time.time()]
        self.more = "yes" if len(self.times) < self.steps else "no"
        self.next({"yes": self.add_time, "no": self.end}, condition="more")

    @step
    def end(self) -> None:
        """Write the times."""
        Path(self.file).write_text(json.dumps(self.times))


if __name__ == "__main__":
    Chain()
