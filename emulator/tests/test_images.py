"""The folder of images that a server is started with."""

import pytest


@pytest.mark.parametrize("verb", ["up", "serve"])
@pytest.mark.parametrize(
    ("name", "said"), [("nowhere", "there is no folder {};"), ("empty", "{} holds no image;")]
)
def test_a_folder_without_images_is_said_and_nothing_is_started(
    own_emulator, tmp_path, verb, name, said
):
    (tmp_path / "empty" / "no-image").mkdir(parents=True)
    server = own_emulator()
    before = list(server.state.iterdir())
    ports = ("--port", "20001", "--s3-port", "20002")
    done = server.run(verb, "--images", str(tmp_path / name), *ports)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"--images: {said.format(tmp_path / name)}" in done.stderr
    assert "a folder with a requirements.txt" in done.stderr and "Traceback" not in done.stderr
    assert list(server.state.iterdir()) == before


def test_a_server_that_runs_is_found_from_a_folder_without_images(own_emulator, tmp_path):
    server = own_emulator()
    assert server.up().returncode == 0
    done = server.run("up", "--images", str(tmp_path / "nowhere"))
    assert done.returncode == 0 and "already running" in done.stdout
