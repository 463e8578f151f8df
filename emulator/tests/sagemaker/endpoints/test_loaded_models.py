"""Loads of one model at the same time, for a container that was started again meanwhile."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from endpoint_client import packed
from local_context import local_context

from sagemaker_emulator.sagemaker.endpoints import loaded_models
from sagemaker_emulator.sagemaker.endpoints.loaded_models import LoadedModels
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedContainer
from sagemaker_emulator.sagemaker.jobs import archive


def test_model_may_be_loaded_for_two_starts_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = local_context(tmp_path / "state")
    (context.s3.folder / "bucket").mkdir(parents=True)
    (context.s3.folder / "bucket/one.tar.gz").write_bytes(packed("one"))
    posted = SimpleNamespace(post=lambda *_, **__: httpx.Response(200))
    server: Any = SimpleNamespace(
        starts=1,
        served=ServedContainer("image", "s3://bucket/", multi_model=True),
        client=posted,
        check=lambda: None,
    )
    models = LoadedModels(context, server, tmp_path / "container")
    begun, both = threading.Event(), threading.Barrier(2)

    def unpack(*arguments: Any) -> None:
        archive.unpack(*arguments)
        begun.set()
        both.wait(10)

    monkeypatch.setattr(loaded_models, "archive", SimpleNamespace(unpack=unpack))
    answers: list[httpx.Response] = []

    def invoke() -> None:
        answers.append(models.invoke("one.tar.gz", b"", {}, time.monotonic() + 10))

    first = threading.Thread(target=invoke)
    first.start()
    assert begun.wait(10)
    server.starts = 2
    invoke()
    first.join(10)
    assert [each.status_code for each in answers] == [200, 200]
    (kept,) = (tmp_path / "container/ml/models").iterdir()
    assert (kept / "model/word.txt").read_text() == "one"
