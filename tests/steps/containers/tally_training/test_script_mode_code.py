"""Where script mode takes a job's code from, and what an archive may not do."""

import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.steps.containers.tally_training.script_mode_job import job, run, tarball


def test_a_damaged_archive_is_the_failure_reason(tmp_path: Path) -> None:
    source = tarball(tmp_path / "s.tar.gz", {"train.py": ""})
    source.write_bytes(source.read_bytes()[:-60])
    root = job(
        tmp_path / "opt",
        {"sagemaker_program": "train.py", "sagemaker_submit_directory": str(source)},
    )
    result = run(root)
    assert result.returncode == 1
    assert "cannot be unpacked" in (root / "output" / "failure").read_text()
    assert "Traceback" not in result.stderr


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

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self.wfile.write(self._answer())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store(tmp_path: Path) -> Iterator[str]:
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
        ("code/gone.tar.gz", 1, "s3://bucket/code/gone.tar.gz cannot be downloaded"),
    ],
    ids=["there", "missing"],
)
def test_code_comes_from_s3(tmp_path: Path, store: str, key: str, code: int, says: str) -> None:
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


def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    source = tarball(tmp_path / "s.tar.gz", {"../../escaped.py": "", "t.py": ""})
    hyperparameters = {"sagemaker_program": "t.py", "sagemaker_submit_directory": str(source)}
    root = job(tmp_path / "opt", hyperparameters)

    result = run(root)

    assert result.returncode == 1
    assert "cannot be unpacked" in result.stderr
    assert not list(tmp_path.rglob("escaped.py"))


def test_requirements_of_the_code_are_installed(tmp_path: Path) -> None:
    """One that cannot be: pip is asked, and its failure is the job's."""
    requirements = f"{tmp_path}/nothing-1-py3-none-any.whl"
    source = tarball(tmp_path / "s.tar.gz", {"t.py": "", "requirements.txt": requirements})
    hyperparameters = {"sagemaker_program": "t.py", "sagemaker_submit_directory": str(source)}

    result = run(job(tmp_path / "opt", hyperparameters))

    assert result.returncode == 1
    assert "requirements.txt of the code cannot be installed" in result.stderr


def test_links_of_an_archive_lead_nowhere(tmp_path: Path) -> None:
    """CVE-2025-4517: with the filter alone, this archive writes to the file outside."""
    outside = tmp_path / "outside"
    outside.write_text("before")
    name, letters, path = "d" * 247, "abcdefghijklmnop", ""
    source = tmp_path / "s.tar.gz"
    with tarfile.open(source, "w:gz") as tar:

        def add(member: str, kind: bytes, link: str = "", content: bytes = b"") -> None:
            entry = tarfile.TarInfo(member)
            entry.type, entry.linkname, entry.size = kind, link, len(content)
            tar.addfile(entry, io.BytesIO(content))

        for letter in letters:
            add(path + name, tarfile.DIRTYPE)
            add(path + letter, tarfile.SYMTYPE, name)
            path += f"{name}/"
        far = "/".join(letters) + "/" + "l" * 254
        add(far, tarfile.SYMTYPE, "../" * len(letters))
        add("escape", tarfile.SYMTYPE, f"{far}/../../{tmp_path.relative_to('/')}")
        add("flag", tarfile.LNKTYPE, "escape/outside")
        add("flag", tarfile.REGTYPE, "", b"written through the links")
        add("t.py", tarfile.REGTYPE)
    hyperparameters = {"sagemaker_program": "t.py", "sagemaker_submit_directory": str(source)}

    result = run(job(tmp_path / "opt", hyperparameters))

    assert result.returncode == 1
    assert "cannot be unpacked" in result.stderr
    assert outside.read_text() == "before"
