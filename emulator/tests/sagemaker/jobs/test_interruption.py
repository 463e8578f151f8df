"""Spot interruptions that come at an awkward moment."""

import threading
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from local_context import local_context

from sagemaker_emulator.sagemaker.jobs.job import Job
from sagemaker_emulator.sagemaker.jobs.kinds import TRAINING


def test_interruption_between_two_attempts_ends_all_instances(tmp_path: Path) -> None:
    resources = {"InstanceCount": 2, "InstanceType": "ml.m5.large"}
    document: dict[str, Any] = {
        "TrainingJobName": "job",
        "TrainingJobArn": "arn:job",
        "Request": {"ResourceConfig": resources},
    }
    job = Job(local_context(tmp_path), TRAINING, document, lambda: 1)
    last = job.instances[1]
    renew = last.renew
    interrupting = threading.Thread(target=job.interrupt)

    def renew_late() -> None:
        interrupting.start()
        interrupting.join(0.2)
        renew()

    last.renew = renew_late  # type: ignore[method-assign]
    job.renew()
    interrupting.join()
    processes = [Mock(), Mock()]
    for instance, process in zip(job.instances, processes, strict=True):
        instance.attach(process)
    assert all(process.stop.called for process in processes)
