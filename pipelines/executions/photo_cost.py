"""What a thousand photos cost on the endpoint: its price over the speed that Evaluate measured."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.evaluation_report import EvaluationReport
from pipelines.executions.cost import HOUR
from pipelines.executions.execution import Execution
from pipelines.prices import Prices

DAY = 24  # hours
# `ml.m5.large` has 2 virtual CPUs, `xlarge` 4, `4xlarge` 16, as all of EC2's general families.
SIZE = re.compile(r"\.(?:(\d*)x)?large$")


@dataclass(frozen=True)
class PhotoCost:
    """The cost of photos on an endpoint that is busy all the time.

    Attributes:
        instance_type: The endpoint's.
        price: USD for an hour of it.
        speed: Photos per second that Evaluate counted, on `cores`.
        cores: Of Evaluate's job.
        own_cores: Of the endpoint's instance.
    """

    instance_type: str
    price: float
    speed: float
    cores: int
    own_cores: int

    @property
    def per_thousand(self) -> float:
        """USD for 1,000 photos, if each core is as fast as Evaluate's."""
        return 1000 * self.price / HOUR / (self.speed * self.own_cores / self.cores)

    @property
    def sentences(self) -> str:
        """The cost, and all that it assumes."""
        return (
            f"1,000 photos cost about {self.per_thousand:.2g} USD on an endpoint that is busy all "
            f"the time: an {self.instance_type} costs {self.price:g} USD an hour and has "
            f"{self.own_cores} cores; Evaluate counted {self.speed:.0f} photos a second on "
            f"{self.cores}, and each core is taken to be as fast. Sending the photos is not "
            f"included. Each instance costs {DAY * self.price:.2f} USD a day, used or not."
        )


def read(execution: Execution, report: EvaluationReport | None, prices: Prices) -> PhotoCost | None:
    """The cost of photos; None where the speed, the price or the cores are not known."""
    name = execution.parameters.get("InferenceInstanceType", "")
    price, cores = prices.of(name), vcpus(name)
    if report is None or report.speed is None or price is None or cores is None:
        return None
    return PhotoCost(name, price, *report.speed, cores)


def vcpus(instance_type: str) -> int | None:
    """The virtual CPUs of a type, by the size in its name; None where it has no such name."""
    size = SIZE.search(instance_type)
    if size is None:
        return None
    return 2 if size[1] is None else 4 * int(size[1] or 1)
