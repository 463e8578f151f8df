"""What the errors of an endpoint are turned into."""

import boto3
import pytest

from model_registry.errors import RegistryError
from model_registry.promotion import promote
from pipelines.serving import prediction
from pipelines.serving.photo import Photo
from tests.model_registry.served import place, register, rest


def test_of_a_failed_endpoint_it_is_said_what_has_it_serve_again(emulated, monkeypatch, tmp_path):
    promote(emulated, register(emulated, key="crash/model.tar.gz"), place("asked"))
    rest(emulated, "asked")
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulated.meta.endpoint_url)
    session = boto3.Session("emulator", "emulator", region_name="us-east-1")
    image = Photo(tmp_path / "bin.jpg", b"an image", "image/jpeg", 8, 8)
    with pytest.raises(
        RegistryError, match=r"(?s)asked is Failed: .*`python pipeline.py promote VERSION`"
    ):
        prediction.predict(session, "asked", image)


@pytest.mark.parametrize("said", ["Bad Gateway", '"no"', "[1]", '{"message": "no"}', ""])
def test_what_another_server_says_is_shown_as_it_is(said):
    assert prediction._reason(said) == said
