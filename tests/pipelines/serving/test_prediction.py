"""What the errors of an endpoint are turned into."""

from __future__ import annotations

from pathlib import Path

import pytest
from types_boto3_sagemaker import SageMakerClient

from model_registry.errors import RegistryError
from model_registry.promotion import promote
from pipelines.serving import prediction
from pipelines.serving.photo import Photo
from tests.model_registry.conftest import Server
from tests.model_registry.served import place, register, rest


def test_a_failed_endpoint_is_reported_with_the_command_that_repairs_it(
    emulator: Server, emulated: SageMakerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    promote(emulated, register(emulated, key="crash/model.tar.gz"), place("asked"))
    rest(emulated, "asked")
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.url)
    image = Photo(tmp_path / "bin.jpg", b"an image", "image/jpeg", 8, 8)
    with pytest.raises(
        RegistryError, match=r"(?s)asked is Failed: .*`python pipeline.py promote VERSION`"
    ):
        prediction.predict(emulator.session, "asked", image)


@pytest.mark.parametrize("message", ["Bad Gateway", '"no"', "[1]", '{"message": "no"}', ""])
def test_an_error_message_in_another_form_is_shown_unchanged(message: str) -> None:
    assert prediction._reason(message) == message
