"""The zips of functions: those that can be unpacked, and the refusal of all others."""

import io
import struct
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import BUCKET, Emulator
from function_archive import archive
from local_context import local_context

from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services.functions import code


def packed(*entries: tuple[Any, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as opened:
        for name, content in entries:
            opened.writestr(name, content)
    return file.getvalue()


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info, target.encode()


def changed(content: bytes, offset: int, value: int) -> bytes:
    """A zip of one file with a 16-bit field of its local and its central header changed."""
    central = content.index(b"PK\x01\x02")
    for begin in (offset, central + offset + 2):
        content = content[:begin] + struct.pack("<H", value) + content[begin + 2 :]
    return content


def damaged(content: bytes) -> bytes:
    middle = content.index(b"main.py") + 30
    return content[:middle] + b"\xff\xff\xff\xff" + content[middle + 4 :]


PLAIN = packed(("main.py", b"def handler(event, context): return 1\n" * 20))
REFUSED = {
    "no-zip": (b"x", "Could not unzip uploaded file"),
    "empty": (packed(), "Uploaded file must be a non-empty zip"),
    "encrypted": (changed(PLAIN, 6, 1), "'main.py' is encrypted"),
    "method": (changed(PLAIN, 8, 99), "compressed by method 99"),
    "bzip2": (packed(("a", b"x"), method=zipfile.ZIP_BZIP2), "compressed by method 12"),
    "damaged": (damaged(PLAIN), "Could not unzip uploaded file"),
    "cut": (PLAIN[:-30], "Could not unzip uploaded file"),
    "long-name": (packed(("a" * 300, b"")), "a longer name than a file may have"),
    "long-path": (packed(("a/" * 600 + "b", b"")), "a longer name than a file may have"),
    "file-and-folder": (packed(("a", b""), ("a/b", b"")), "'a' is both a file and a folder"),
    "folder-and-file": (packed(("a/b", b""), ("a", b"")), "'a' is both a file and a folder"),
    "absolute": (packed(("/tmp/x", b"")), "leads out of the folder"),
    "parent": (packed(("a/../../x", b"")), "leads out of the folder"),
    "link": (packed(link("a", "/etc")), "neither a file nor a folder"),
    "link-and-below": (packed(link("a", ".."), ("a/x", b"")), "neither a file nor a folder"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_zip_that_cannot_be_unpacked_is_refused(tmp_path: Path, name: str) -> None:
    context = local_context(tmp_path)
    content, message = REFUSED[name]
    with pytest.raises(ApiError) as refused:
        code.keep(context, "f", content)
    assert refused.value.code == "InvalidParameterValueException"
    assert message in refused.value.message
    assert list((tmp_path / "functions").iterdir()) == []


def test_the_limit_is_of_what_is_really_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = local_context(tmp_path)
    monkeypatch.setattr(code, "MAX_UNZIPPED", 3 << 20)
    bomb = packed(("a", bytes(2 << 20)), ("b", bytes(2 << 20)))
    assert len(bomb) < 10_000
    central = bomb.index(b"PK\x01\x02")  # its headers say that the first file is empty
    lying = bomb[: central + 24] + bytes(4) + bomb[central + 28 :]
    for content in (bomb, lying):
        with pytest.raises(ApiError):
            code.keep(context, "f", content)
        assert list((tmp_path / "functions").iterdir()) == []
    with pytest.raises(ApiError, match="Unzipped size must be smaller than 3145728 bytes"):
        code.keep(context, "f", bomb)
    code.keep(context, "f", packed(("a", bytes(3 << 20))))


def test_zip_that_was_sent_is_limited_and_one_in_s3_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = local_context(tmp_path)
    monkeypatch.setattr(code, "MAX_ZIPPED", len(PLAIN) - 1)
    with pytest.raises(ApiError, match=r"RequestEntityTooLargeException.*Zipped size"):
        code.read_archive(context, {"ZipFile": PLAIN})
    (tmp_path / "s3/bucket").mkdir(parents=True)
    (tmp_path / "s3/bucket/f.zip").write_bytes(PLAIN)
    assert code.read_archive(context, {"S3Bucket": "bucket", "S3Key": "f.zip"}) == PLAIN
    both = {"ZipFile": PLAIN, "S3Bucket": "bucket", "S3Key": "f.zip"}
    with pytest.raises(ApiError, match="other FunctionCode parameters"):
        code.read_archive(context, both)


def test_code_of_a_state_that_kept_no_zips_is_packed_again(tmp_path: Path) -> None:
    context = local_context(tmp_path)
    folder = code.keep(context, "f", PLAIN)["Folder"]
    assert code.archive_of(context, "f", folder) == PLAIN
    (tmp_path / "functions/f" / f"{folder}.zip").unlink()
    again = code.archive_of(context, "f", folder)
    assert again is not None
    with zipfile.ZipFile(io.BytesIO(again)) as opened:
        assert opened.read("main.py").startswith(b"def handler")
    assert code.archive_of(context, "f", "0" * 16) is None


def test_location_gives_the_zip(functions: Any, function: str) -> None:
    content = archive("def handler(event, context): return 'here'")
    functions.update_function_code(FunctionName=function, ZipFile=content)
    location = functions.get_function(FunctionName=function)["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert answer.read() == content
    for other in (location.replace(".zip", "0.zip"), location[:-1], location.partition("?")[0]):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(other)


def test_refused_update_leaves_the_function_as_it_was(
    emulator: Emulator, functions: Any, function: str
) -> None:
    before = functions.get_function_configuration(FunctionName=function)
    for content, _ in REFUSED.values():
        with pytest.raises(ClientError, match="InvalidParameterValueException"):
            functions.update_function_code(FunctionName=function, ZipFile=content)
    after = functions.get_function_configuration(FunctionName=function)
    assert (after["CodeSha256"], after["RevisionId"]) == (
        before["CodeSha256"],
        before["RevisionId"],
    )


def test_code_may_be_in_s3(emulator: Emulator, functions: Any, function: str) -> None:
    key = f"{function}.zip"
    s3 = emulator.client("s3")
    s3.put_object(Bucket=BUCKET, Key=key, Body=archive("def handler(event, context): return 3"))
    functions.update_function_code(FunctionName=function, S3Bucket=BUCKET, S3Key=key)
    assert functions.invoke(FunctionName=function)["Payload"].read() == b"3"
    with pytest.raises(ClientError, match="NoSuchKey"):
        functions.update_function_code(FunctionName=function, S3Bucket=BUCKET, S3Key="none.zip")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        functions.update_function_code(FunctionName=function, S3Bucket="no-bucket", S3Key=key)


def test_what_a_killed_server_had_begun_to_unpack_is_deleted(tmp_path: Path) -> None:
    context = local_context(tmp_path / "state")
    begun = context.state / "functions/.unpacking-x/code"
    begun.mkdir(parents=True)
    (context.state / "functions/f/folder").mkdir(parents=True)
    context.functions.start()
    assert [path.name for path in (context.state / "functions").iterdir()] == ["f"]
