"""Whose the state folder is, which ports its servers get, and what another user can do about it."""

import fcntl
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from emulator_process import Emulator
from function_archive import function_request
from pipeline_client import PipelineClient, python

from sagemaker_emulator import daemon, listening, state_folder
from sagemaker_emulator.errors import StartError


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_state_folder_is_its_owners_alone(tmp_path: Path) -> None:
    state_folder.own(tmp_path / "a" / "state")

    assert mode(tmp_path / "a" / "state") == 0o700


def test_a_wide_state_folder_is_closed(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)

    state_folder.own(tmp_path / "state")

    assert mode(tmp_path / "state") == 0o700


def test_another_users_state_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)

    with pytest.raises(StartError, match=r"belongs to another user \(uid \d+\)"):
        state_folder.own(tmp_path)
    for command in (daemon.down, daemon.reset):
        with pytest.raises(StartError, match="belongs to another user"):
            command(tmp_path)
    assert mode(tmp_path) == 0o777


def test_a_file_is_no_state_folder(tmp_path: Path) -> None:
    (tmp_path / "state").touch()

    with pytest.raises(StartError, match="is a file"):
        state_folder.own(tmp_path / "state")


def test_the_last_port_is_chosen_again_and_else_the_usual_one(tmp_path: Path) -> None:
    first = listening.choose("--port", None, None, usual=0)
    port = listening.port_of(first)
    first.close()

    with listening.choose("--port", None, f"http://127.0.0.1:{port}", usual=0) as again:
        assert listening.port_of(again) == port
        with listening.choose("--port", None, f"http://127.0.0.1:{port}", usual=0) as other:
            assert listening.port_of(other) != port
        with pytest.raises(StartError, match=rf"port {port} \(--port\) is taken"):
            listening.choose("--port", port, None, usual=0)


def test_a_chosen_port_is_taken_at_once() -> None:
    with listening.choose("--port", None, None, usual=0) as chosen:
        assert listening.listen(listening.port_of(chosen)) is None
        with socket.create_connection(chosen.getsockname()):
            pass


def test_a_socket_handed_over_is_not_handed_on() -> None:
    with listening.choose("--port", None, None, usual=0) as chosen:
        os.set_inheritable(chosen.fileno(), True)
        with listening.inherited(os.dup(chosen.fileno())) as taken:
            assert not taken.get_inheritable()
    with socket.socket() as other, pytest.raises(StartError, match="does not listen"):
        listening.inherited(os.dup(other.fileno()))
    with pytest.raises(StartError, match="is not a socket"):
        listening.inherited(os.open(os.devnull, os.O_RDONLY))


def test_the_shared_temporary_folder_has_no_say(
    own_emulator: Callable[..., Emulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user may hold, link or replace the file by which ports were locked once."""
    shared, precious = tmp_path / "tmp", tmp_path / "precious"
    shared.mkdir()
    precious.write_text("mine")
    lock = shared / f"emulator-ports-{os.getuid()}.lock"
    lock.symlink_to(precious)
    monkeypatch.setenv("TMPDIR", str(shared))
    with precious.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        server = own_emulator()
        started = server.up()

        assert started.returncode == 0, started.stderr
        assert precious.read_text() == "mine"
        assert lock.is_symlink()
    assert list(shared.iterdir()) == [lock]
    other = server.run("up", "--images", str(tmp_path / "others"))
    assert other.returncode == 1
    assert f"already runs with --images {server.images}, not with {tmp_path}/others" in other.stderr
    assert "already running" in server.run("up").stdout
    about = [path for path in server.state.rglob("*") if mode(path) & 0o077]
    assert about == []
    assert mode(server.state) == 0o700


def test_what_runs_has_the_keys_and_leaves_nothing_to_other_users(
    emulator: Emulator, name: str
) -> None:
    """A pipeline's job and a function that signs for S3 leave only what their user may read."""
    code = "import os; open('/opt/ml/processing/x', 'w'); print(os.environ['AWS_ACCESS_KEY_ID'])"
    pipeline = PipelineClient(emulator.client("sagemaker"), name)
    pipeline.create(python("Keys", code))
    _, status = pipeline.run()
    assert status == "Succeeded"
    assert emulator.keys.access_key_id in emulator.log("/aws/sagemaker/ProcessingJobs")
    emulator.client("s3").create_bucket(Bucket="lambda-events")
    functions = emulator.client("lambda")
    functions.create_function(**function_request(name, Timeout=60))
    answer = functions.invoke(FunctionName=name, Payload=json.dumps({"write": name}).encode())
    assert "FunctionError" not in answer, answer["Payload"].read()
    listed = emulator.client("s3").list_objects_v2(Bucket="lambda-events", Prefix=name)
    assert listed["KeyCount"] == 1

    assert mode(emulator.state) == 0o700
    # What uv installs has the modes that its packages have.
    built = emulator.state / "environments"
    wide = [
        path
        for path in emulator.state.rglob("*")
        if not path.is_symlink() and built not in path.parents and mode(path) & 0o077
    ]
    assert wide == []
