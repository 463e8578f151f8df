"""Prepare as a process's main, on a small source of real JPEGs with every kind of flaw."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import inference
from preparation import picture
from preparation.metadata import parse
from preparation.source import bucket_region
from tests.steps.small_source import jpeg, manifest, message, run

pytest_plugins = ["tests.steps.small_source"]
ROOT = Path(__file__).resolve().parents[2]


def test_every_image_lies_once_under_its_split_and_count(source: Path, root: Path) -> None:
    assert run(source) == 0
    found = manifest(root)
    files = sorted((root / "processing/output").glob("*/*/*.jpg"))
    assert [file.stem for file in sorted(files, key=lambda f: f.stem)] == [
        f"{number:05d}" for number in range(1, 61)
    ]
    for image in found["images"]:
        place = Path(image["split"], str(image["count"]), f"{image['id']}.jpg")
        original = source / "bin-images" / place.name
        assert (root / "processing/output" / place).read_bytes() == original.read_bytes()
    sizes = {part: sum(counts.values()) for part, counts in found["counts"].items()}
    assert sizes == {"train": 48, "validation": 6, "test": 6}


def test_no_bin_is_in_two_splits(source: Path, root: Path) -> None:
    assert run(source) == 0
    splits: dict[str, set[str]] = {}
    for image in manifest(root)["images"]:
        splits.setdefault(image["group"], set()).add(image["split"])
    assert len(splits) == 40
    assert all(len(parts) == 1 for parts in splits.values())


def test_a_seed_decides_everything(source: Path, root: Path) -> None:
    def chosen(seed: str) -> list[Any]:
        shutil.rmtree(root, ignore_errors=True)
        assert run(source, "--subset-size", "30", "--seed", seed, "--concurrency", seed + "1") == 0
        return manifest(root)["images"]

    assert chosen("0") == chosen("0")
    assert chosen("0") != chosen("1")


def test_a_subset_is_balanced(source: Path, root: Path) -> None:
    assert run(source, "--subset-size", "32", "--file-list", "none") == 0
    totals = {
        count: sum(parts[count] for parts in manifest(root)["counts"].values()) for count in "123"
    }
    assert totals == {"1": 11, "2": 11, "3": 10}


FLAWS = {
    "empty-image": lambda s: (s / "bin-images/00001.jpg").write_bytes(b""),
    "undecodable-image": lambda s: (s / "bin-images/00001.jpg").write_bytes(b"words, no pixels"),
    "truncated-image": lambda s: (s / "bin-images/00001.jpg").write_bytes(jpeg(1)[:-400]),
    "no-image": lambda s: (s / "bin-images/00001.jpg").unlink(),
    "no-metadata": lambda s: (s / "metadata/00001.json").unlink(),
    "malformed-metadata": lambda s: (s / "metadata/00001.json").write_text('{"EXPECTED_QU'),
    "bad-count": lambda s: (s / "metadata/00001.json").write_text('{"EXPECTED_QUANTITY": -2}'),
}
HOSTILE = {
    "nested": ("[" * 200_000, "malformed-metadata"),
    "huge-count": ('{"EXPECTED_QUANTITY": 1' + "0" * 400 + "}", "bad-count"),
}


@pytest.mark.parametrize("reason", FLAWS)
def test_a_flaw_is_put_aside_with_its_reason_and_costs_nothing_else(
    source: Path, root: Path, reason: str
) -> None:
    FLAWS[reason](source)
    assert run(source) == 0
    found = manifest(root)
    assert [(entry["id"], entry["reason"]) for entry in found["quarantined"]] == [("00001", reason)]
    assert found["quarantined"][0]["detail"]
    assert len(found["images"]) == 59


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_metadata_are_put_aside_too(source: Path, root: Path, name: str) -> None:
    text, reason = HOSTILE[name]
    (source / "metadata/00001.json").write_text(text)
    assert run(source) == 0
    assert [entry["reason"] for entry in manifest(root)["quarantined"]] == [reason]


def test_the_size_of_an_item_that_no_float_holds_is_not_known() -> None:
    side = {"unit": "IN", "value": 10**400}
    item = {"asin": "A", "quantity": 1} | dict.fromkeys(("height", "length", "width"), side)
    content = json.dumps({"EXPECTED_QUANTITY": 1, "BIN_FCSKU_DATA": {"A": item}})
    assert parse("00001", content.encode()).volume is None


def test_what_the_endpoint_would_refuse_is_put_aside(source: Path, root: Path) -> None:
    assert (picture.MAX_BYTES, picture.MAX_PIXELS) == (inference.MAX_BYTES, inference.MAX_PIXELS)
    (source / "bin-images/00001.jpg").write_bytes(jpeg(1, (5001, 5000)))
    (source / "bin-images/00002.jpg").write_bytes(jpeg(2) + b"0" * picture.MAX_BYTES)
    assert run(source) == 0
    aside = {one["id"]: one["detail"] for one in manifest(root)["quarantined"]}
    assert aside["00001"] == "5001 x 5000 pixels; at most 25000000 are served"
    assert aside["00002"].endswith("bytes; at most 26214400 are served")


def test_a_small_subset_loses_the_share_of_the_bins_looked_at(source: Path, root: Path) -> None:
    for number in (1, 2, 3):
        (source / "metadata" / f"{number:05d}.json").unlink()
    assert run(source, "--subset-size", "27", "--max-quarantined", "0.06") == 0  # 3 of 60, not 30
    assert run(source, "--subset-size", "27", "--max-quarantined", "0.04") == 1
    assert "5% of the bins cannot be used" in message(root)


def test_a_broken_image_of_a_subset_is_replaced(source: Path, root: Path) -> None:
    for number in (1, 4, 7):
        (source / "bin-images" / f"{number:05d}.jpg").write_bytes(b"")
    assert run(source, "--subset-size", "45", "--max-quarantined", "0.2") == 0
    assert len(manifest(root)["images"]) == 45


def test_too_many_flaws_are_fatal_and_leave_no_manifest(source: Path, root: Path) -> None:
    for number in range(1, 20):
        (source / "bin-images" / f"{number:05d}.jpg").write_bytes(b"")
    assert run(source) == 1
    assert "empty-image: 19 (00001 00002 00003 ...)" in message(root)
    assert not (root / "processing/output/manifest").exists()


def test_why_no_bin_can_be_used_is_said(source: Path, root: Path) -> None:
    for file in (source / "metadata").iterdir():
        file.write_text("{")
    assert run(source) == 1
    assert "put aside: malformed-metadata: 60 (00001 00002 00003 ...)" in message(root)


def test_the_metadata_overrules_the_file_list(source: Path, root: Path, tmp_path: Path) -> None:
    listed = {str(c): [f"data/metadata/{n:05d}.json" for n in range(1, 61) if 1 + n % 3 == c]
              for c in (1, 2, 3)}  # fmt: skip
    listed["2"].append(listed["1"].pop())
    listed["3"].append("data/metadata/99999.json")
    file = tmp_path / "file_list.json"
    file.write_text(json.dumps(listed))
    assert run(source, "--file-list", str(file)) == 0
    found = manifest(root)
    assert found["disagreements"] == [{"id": "00060", "listed": 2, "count": 1}]
    assert found["listed_but_absent"] == 1
    assert {image["id"]: image["count"] for image in found["images"]}["00060"] == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--classes", "3-1"], "FIRST-LAST"),
        (["--classes", "0-1000000000"], "at most 100 counts"),
        (["--split", "8:1"], "TRAIN:VALIDATION:TEST"),
        (["--split", "8:0:1"], "positive"),
        (["--classes", "1-9"], "no usable image of a bin that holds 4"),
        (["--file-list", "/nowhere/list.json"], "/nowhere/list.json"),
        (["--subset-size", "6"], "fewer|only 2 different bins"),
    ],
    ids=[
        "classes",
        "too-many-classes",
        "split",
        "zero-share",
        "missing-class",
        "no-file-list",
        "too-small",
    ],
)
def test_what_cannot_be_done_is_said(source: Path, root: Path, more: list[str], said: str) -> None:
    assert run(source, *more) == 1
    assert any(words in message(root) for words in said.split("|"))


@pytest.mark.parametrize("address", ["/nowhere/at/all", "EMPTY"])
def test_a_source_without_bins_is_said(root: Path, tmp_path: Path, address: str) -> None:
    (tmp_path / "empty").mkdir()
    place = str(tmp_path / "empty") if address == "EMPTY" else address
    assert run(place) == 1
    assert place in message(root)


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real S3 server that wants signatures; the folder holds its buckets."""
    rclone = ROOT / ".venv/bin/rclone"
    if not rclone.exists():
        pytest.skip("rclone is not there: run `make setup`")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "s3"
    folder.mkdir()
    command = [str(rclone), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"]
    server = subprocess.Popen([*command, "--auth-key", "somebody,secret-of-somebody"],
                              env={**os.environ, "RCLONE_CONFIG": "/dev/null"},
                              stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-somebody")
        yield folder
    finally:
        server.terminate()
        server.wait()


def test_s3_is_read_like_a_folder(source: Path, root: Path, s3: Path) -> None:
    shutil.copytree(source, s3 / "bins" / "some" / "prefix")
    assert run("s3://bins/some/prefix/") == 0
    assert len(manifest(root)["images"]) == 60


def test_a_missing_bucket_is_named(root: Path, s3: Path) -> None:
    assert run("s3://not-there/bins") == 1
    assert "no bucket not-there" in message(root)


def test_forbidden_is_said_with_what_to_allow(
    source: Path, root: Path, s3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(source, s3 / "bins")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    assert run("s3://bins") == 1
    assert "s3:GetObject" in message(root)


def test_a_public_bucket_is_read_unsigned_where_signed_requests_are_refused(
    source: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Public(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if "Authorization" in self.headers:
                return self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            if "list-type" in url.query:
                prefix = parse_qs(url.query)["prefix"][0]
                keys = "".join(
                    f"<Contents><Key>{prefix}{file.name}</Key><Size>1</Size><ETag>e</ETag>"
                    "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                    for file in sorted((source / prefix).iterdir())
                )
                return self.answer(200, f"<ListBucketResult>{keys}</ListBucketResult>".encode())
            return self.answer(200, (source / url.path.removeprefix("/bins/")).read_bytes())

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", "e")
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Public) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-somebody")
        assert run("s3://bins") == 0
        server.shutdown()
    assert len(manifest(root)["images"]) == 60


def test_the_region_of_a_bucket_is_asked_for() -> None:
    class S3(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(301)
            self.send_header("x-amz-bucket-region", "eu-north-1" if "bins" in self.path else "")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), S3) as server:
        threading.Thread(target=server.handle_request).start()
        place = f"127.0.0.1:{server.server_port}"
        assert bucket_region("bins", place, secure=False) == "eu-north-1"


@pytest.mark.parametrize(
    "words",
    [["--seed", "x"], ["--max-quarantined", "7"], ["--learn-from", "some"], ["--store-size", "-1"]],
)
def test_arguments_are_checked(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("anywhere", *words)
    assert ended.value.code == 2
    assert words[1] in capsys.readouterr().err


ABID = Path(os.environ.get("TALLY_ABID", ROOT.parent / "shared" / "abid"))


@pytest.mark.skipif(
    not (ABID / "labels.csv").exists(), reason=f"no real bin images at {ABID} (TALLY_ABID)"
)
def test_groups_of_the_real_bins_are_those_of_labels_csv() -> None:
    import csv

    from preparation.groups import group_of
    from preparation.metadata import parse

    folder = ABID / "aft-vbi-pds-224" / "metadata"
    asins = {f.stem: parse(f.stem, f.read_bytes()).asins for f in folder.glob("*.json")}
    with (ABID / "labels.csv").open() as file:
        known = {row["id"]: row["same_bin_group"] for row in csv.DictReader(file)}
    assert asins.keys() == known.keys()
    named = {identity for identity in asins if asins[identity]}  # the others are empty bins
    assert len(named) > 9800
    assert {i: group_of(i, asins) for i in named} == {i: known[i] for i in named}


def test_quantities_that_do_not_add_up_are_marked_or_left_out(source: Path, root: Path) -> None:
    file = source / "metadata" / "00004.json"
    file.write_text(file.read_text().replace('"quantity": 2', '"quantity": 9'))

    assert run(source) == 0
    marked = [image["id"] for image in manifest(root)["images"] if "quantities_add_up" in image]
    assert marked == ["00004"]

    shutil.rmtree(root)
    assert run(source, "--contradictions", "leave-out") == 0
    found = manifest(root)
    assert "00004" not in {image["id"] for image in found["images"]}
    assert len(found["images"]) == 59
    assert [(one["id"], one["reason"]) for one in found["quarantined"]] == [
        ("00004", "quantities-do-not-add-up")
    ]
