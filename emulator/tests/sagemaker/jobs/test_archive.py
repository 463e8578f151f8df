import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import Literal

import pytest

from sagemaker_emulator.errors import JobFailed
from sagemaker_emulator.sagemaker.jobs import archive


@pytest.mark.parametrize("mode", ["r:gz", "r|gz"])
def test_archive_is_read_by_every_reader(tmp_path: Path, mode: Literal["r:gz", "r|gz"]) -> None:
    (tmp_path / "model/code").mkdir(parents=True)
    content = {"weights.pt": os.urandom(3 << 20), "code/a.py": b"x = 1\n" * 500_000, "empty": b""}
    for name, data in content.items():
        (tmp_path / "model" / name).write_bytes(data)
    packed = tmp_path / "model.tar.gz"
    archive.pack(tmp_path / "model", packed)
    with tarfile.open(packed, mode) as opened:
        read = {m.name: file.read() for m in opened if (file := opened.extractfile(m))}
    assert read == content
    assert gzip.decompress(packed.read_bytes())
    assert packed.stat().st_size < 3.3 * (1 << 20)
    archive.unpack(packed, tmp_path / "again")
    assert (tmp_path / "again/code/a.py").read_bytes() == content["code/a.py"]


def test_empty_folder_makes_an_archive(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    archive.pack(tmp_path / "model", tmp_path / "model.tar.gz")
    archive.unpack(tmp_path / "model.tar.gz", tmp_path / "again")
    assert list((tmp_path / "again").iterdir()) == []


@pytest.mark.parametrize("kind", ["outside", "absolute link", "no archive", "cut short"])
def test_bad_archive_is_refused(tmp_path: Path, kind: str) -> None:
    packed = tmp_path / "model.tar.gz"
    if kind == "no archive":
        packed.write_text("hello")
    else:
        with tarfile.open(packed, "w:gz") as opened:
            member = tarfile.TarInfo("../evil" if kind == "outside" else "file")
            data = os.urandom(100_000)
            member.size = len(data)
            if kind == "absolute link":
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
            opened.addfile(member, io.BytesIO(data))
        if kind == "cut short":
            packed.write_bytes(packed.read_bytes()[:50_000])
    with pytest.raises(JobFailed, match=r"model\.tar\.gz could not be unpacked"):
        archive.unpack(packed, tmp_path / "again")
    assert not (tmp_path / "evil").exists()
