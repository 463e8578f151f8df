"""The image's `train`: AWS's contract of script mode, run as a process without torch."""

import importlib.util
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

IMAGE = Path(__file__).parents[2] / "containers" / "tally-training"
SCRIPT = """
import json, os, sys
import beside
print("arguments", json.dumps(sys.argv[1:]))
print("variables", json.dumps({k: v for k, v in os.environ.items() if k.startswith("SM_")}))
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write(beside.WORD)
"""


def job(root: Path, hyperparameters: dict, channels: tuple[str, ...] = ("train",)) -> Path:
    config = root / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    (config / "inputdataconfig.json").write_text(json.dumps({name: {} for name in channels}))
    (config / "resourceconfig.json").write_text(
        json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]})
    )
    for name in channels:
        (root / "input" / "data" / name).mkdir(parents=True)
    return root


def tarball(file: Path, scripts: dict[str, str]) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for name, text in scripts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return file


def run(root: Path, **variables: str) -> subprocess.CompletedProcess:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "SAGEMAKER_", "AWS_"))}
    return subprocess.run(
        [sys.executable, str(IMAGE / "bin" / "train")],
        env=clean | {"OPT_ML": str(root), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def told(result: subprocess.CompletedProcess, what: str):
    line = next(line for line in result.stdout.splitlines() if line.startswith(what))
    return json.loads(line.removeprefix(what))


def test_a_damaged_archive_says_so_where_sagemaker_looks(tmp_path):
    source = tarball(tmp_path / "s.tar.gz", {"train.py": SCRIPT})
    source.write_bytes(source.read_bytes()[:-60])
    root = job(
        tmp_path / "opt",
        {"sagemaker_program": "train.py", "sagemaker_submit_directory": str(source)},
    )
    result = run(root)
    assert result.returncode == 1
    assert "cannot be unpacked" in (root / "output" / "failure").read_text()
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("program", "quoted"), [("train.py", "plain"), ('"train.py"', "json")], ids=["plain", "json"]
)
def test_the_script_gets_its_arguments_variables_and_neighbours(tmp_path, program, quoted):
    source = tarball(tmp_path / "s.tar.gz", {"train.py": SCRIPT, "beside.py": "WORD = 'kept'"})
    value = '"a b"' if quoted == "json" else "a b"
    root = job(
        tmp_path / "opt",
        {
            "sagemaker_program": program,
            "sagemaker_submit_directory": str(source),
            "lr": "0.01",
            "batch-size": '"32"',  # as a tuner quotes a categorical choice
            "name": value,
            "debug": "true",
        },
        channels=("train", "validation"),
    )

    result = run(root)

    assert result.returncode == 0, result.stderr
    assert told(result, "arguments") == [
        "--batch-size", "32", "--debug", "true", "--lr", "0.01", "--name", "a b"
    ]  # fmt: skip
    variables = told(result, "variables")
    assert variables["SM_CHANNEL_TRAIN"] == str(root / "input" / "data" / "train")
    assert json.loads(variables["SM_CHANNELS"]) == ["train", "validation"]
    assert json.loads(variables["SM_HPS"]) == {
        "batch-size": 32, "debug": True, "lr": 0.01, "name": "a b"
    }  # fmt: skip
    assert json.loads(variables["SM_USER_ARGS"]) == told(result, "arguments")
    assert json.loads(variables["SM_HOSTS"]) == ["algo-1"]
    assert variables["SM_CURRENT_HOST"] == "algo-1"
    assert variables["SM_OUTPUT_DATA_DIR"] == str(root / "output" / "data")
    assert int(variables["SM_NUM_CPUS"]) >= 1
    assert variables["SM_USER_ENTRY_POINT"] == "train.py"
    assert (root / "model" / "model.txt").read_text() == "kept"
    assert not (root / "output" / "failure").exists()


def test_a_host_of_several_knows_the_others_and_itself(tmp_path, monkeypatch):
    """As torch's launcher will start a process on each, the variables are looked at here."""
    monkeypatch.syspath_prepend(IMAGE)
    import script_mode

    root = job(tmp_path / "opt", {})
    resources = {
        "current_host": "algo-2",
        "current_instance_type": "ml.g5.xlarge",
        "hosts": ["algo-1", "algo-2"],
        "network_interface_name": "eth1",
    }
    (root / "input" / "config" / "resourceconfig.json").write_text(json.dumps(resources))

    found = script_mode.variables(root, tmp_path / "train.py", {"lr": 0.1}, {})

    assert json.loads(found["SM_HOSTS"]) == ["algo-1", "algo-2"]
    assert found["SM_CURRENT_HOST"] == "algo-2"
    assert found["SM_CURRENT_INSTANCE_TYPE"] == "ml.g5.xlarge"
    assert found["SM_NETWORK_INTERFACE_NAME"] == "eth1"
    assert json.loads(found["SM_RESOURCE_CONFIG"]) == resources
    assert found["SM_HP_LR"] == "0.1"


class Store(BaseHTTPRequestHandler):
    """The part of S3 that fetching one object needs."""

    objects: ClassVar[dict[str, bytes]] = {}

    def _answer(self) -> bytes:
        body = self.objects.get(self.path.split("?")[0])
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.send_header("ETag", '"1"')
        self.end_headers()
        return body or b""

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self.wfile.write(self._answer())

    def log_message(self, *_):
        pass


@pytest.fixture
def store(tmp_path):
    source = tarball(tmp_path / "s.tar.gz", {"t.py": "print('fetched')"})
    Store.objects = {"/bucket/code/sourcedir.tar.gz": source.read_bytes()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("key", "code", "says"),
    [
        ("code/sourcedir.tar.gz", 0, "fetched"),
        ("code/gone.tar.gz", 1, "s3://bucket/code/gone.tar.gz cannot be fetched"),
    ],
    ids=["there", "missing"],
)
def test_code_comes_from_s3(tmp_path, store, key, code, says):
    hyperparameters = {
        "sagemaker_program": "t.py",
        "sagemaker_submit_directory": f"s3://bucket/{key}",
    }
    root = job(tmp_path / "opt", hyperparameters)

    result = run(
        root,
        AWS_ENDPOINT_URL_S3=store,
        AWS_ACCESS_KEY_ID="x",
        AWS_SECRET_ACCESS_KEY="x",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_MAX_ATTEMPTS="1",
    )

    assert result.returncode == code
    assert says in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("text", "code", "failure"),
    [
        ("raise ValueError('no bins today')", 1, "t.py failed with ValueError: no bins today"),
        ("import sys; sys.exit(3)", 3, "t.py ended with exit code 3; see the job's log"),
        ("import sys; sys.exit('too few bins')", 1, "too few bins"),
        ("1 +", 1, "t.py failed with SyntaxError"),
        (
            "import os, sys\nopen(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('mine')\n"
            "sys.exit(1)",
            1,
            "mine",
        ),
        ("import sys; sys.exit(0)", 0, None),
    ],
    ids=["exception", "code", "message", "syntax", "script-wrote-it", "success"],
)
def test_how_the_script_ends_is_how_the_job_ends(tmp_path, text, code, failure):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "t.py").write_text(text)
    hyperparameters = {
        "sagemaker_program": "t.py",
        "sagemaker_submit_directory": str(tmp_path / "code"),
    }
    root = job(tmp_path / "opt", hyperparameters)

    result = run(root)

    assert result.returncode == code, result.stderr
    written = root / "output" / "failure"
    assert (written.read_text() if written.exists() else None) == failure or (
        failure is not None and written.read_text().startswith(failure)
    )
    assert ("Traceback" in result.stderr) == (failure is not None and " failed with " in failure)


@pytest.mark.parametrize(
    ("hyperparameters", "says"),
    [
        ({}, "sagemaker_program is missing"),
        ({"sagemaker_program": "x.py"}, "sagemaker_program 'x.py' is not in"),
        (
            {"sagemaker_program": "x.py", "sagemaker_submit_directory": "/nowhere/s.tar.gz"},
            "/nowhere/s.tar.gz does not exist",
        ),
    ],
    ids=["no-program", "not-there", "no-directory"],
)
def test_a_job_that_cannot_run_says_why_in_one_line(tmp_path, hyperparameters, says):
    root = job(tmp_path / "opt", hyperparameters)

    result = run(root)

    assert result.returncode == 1
    assert says in result.stderr
    assert says in (root / "output" / "failure").read_text()
    assert "Traceback" not in result.stderr


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    source = tarball(tmp_path / "s.tar.gz", {"../../escaped.py": "", "t.py": ""})
    hyperparameters = {"sagemaker_program": "t.py", "sagemaker_submit_directory": str(source)}
    root = job(tmp_path / "opt", hyperparameters)

    result = run(root)

    assert result.returncode == 1
    assert "cannot be unpacked" in result.stderr
    assert not list(tmp_path.rglob("escaped.py"))


def test_preload_names_modules_of_the_image_or_its_environment():
    for name in (IMAGE / "preload.txt").read_text().split():
        assert (IMAGE / f"{name}.py").is_file() or importlib.util.find_spec(name)


def test_preload_leaves_a_process_that_can_be_forked():
    """No thread, and a child that trains: what a warm image lives from."""
    program = (
        "import os, sys, threading, preload, torch\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "task = '/proc/self/task'\n"
        "assert not os.path.isdir(task) or len(os.listdir(task)) == 1, os.listdir(task)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    m = torch.nn.Conv2d(3, 4, 3); m(torch.rand(2, 3, 32, 32)).sum().backward()\n"
        "    os._exit(0)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=IMAGE, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
