"""What Evaluate refuses, and what it says then."""

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import evaluate
from tests.steps.evaluation.planned_bins import read
from tests.steps.tiny_model import pack, save_model
from training.result import artifact


def refusal(planned_opt: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run the step where it must refuse, and return what it says, on stderr and as ExitMessage."""
    assert evaluate.main([]) == 1
    captured = capsys.readouterr()
    message = (planned_opt / "output" / "message").read_text()
    assert captured.err == f"evaluate: {message}\n"
    assert "Traceback" not in captured.err
    assert not (planned_opt / "processing/output/evaluation/evaluation.json").exists()
    return message


def test_no_model(planned_opt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (planned_opt / "processing/input/model/model.tar.gz").rename(
        planned_opt / "processing/input/model/other.zip"
    )
    message = refusal(planned_opt, capsys)
    assert "no model.tar.gz in" in message
    assert "found: other.zip" in message


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda whole: b"this is no archive", id="text"),
        pytest.param(lambda whole: b"", id="empty"),
        pytest.param(lambda whole: whole[: len(whole) // 2], id="truncated"),
        pytest.param(lambda whole: whole[:2000] + b"\0" * 500 + whole[2500:], id="corrupt"),
    ],
)
def test_a_broken_archive(
    planned_opt: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes]
) -> None:
    file = planned_opt / "processing/input/model/model.tar.gz"
    file.write_bytes(damage(file.read_bytes()))
    message = refusal(planned_opt, capsys)
    assert f"{file} is not a readable model.tar.gz" in message


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(("../outside.txt", None), id="path"),
        pytest.param(("model.pt", "/etc/passwd"), id="absolute link"),
        pytest.param(("code", "../.."), id="link to a folder above"),
        pytest.param(("code/copy.py", "answer.py"), id="link to a file of the model"),
    ],
)
def test_an_archive_that_reaches_outside(
    planned_opt: Path, capsys: pytest.CaptureFixture[str], member: tuple[str, str | None]
) -> None:
    file = planned_opt / "processing/input/approved/model.tar.gz"
    name, link = member
    with tarfile.open(file, "w:gz") as tar:
        entry = tarfile.TarInfo(name)
        if link:
            entry.type, entry.linkname = tarfile.SYMTYPE, link
        else:
            entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
    assert "not safe to unpack" in refusal(planned_opt, capsys)


def test_an_archive_that_is_no_model(
    planned_opt: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "model.pt").write_bytes(b"")
    pack(tmp_path / "else", planned_opt / "processing/input/model/model.tar.gz")
    assert "lacks model.json, code/inference.py, code/network.py" in refusal(planned_opt, capsys)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("model.pt", b"no tensors", "does not load", id="weights"),
        pytest.param("model.json", b"{", "does not load: JSONDecodeError", id="settings"),
        pytest.param("code/inference.py", b"import nothing_like_it", "nothing_like_it", id="code"),
        pytest.param("code/inference.py", b"raise SystemExit(3)", "SystemExit", id="exit"),
    ],
)
def test_a_model_that_does_not_load(
    planned_opt: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    content: bytes,
    said: str,
) -> None:
    folder = save_model(tmp_path / "bad")
    (folder / name).write_bytes(content)
    if name != "model.json":
        artifact.seal(folder)
    pack(folder, planned_opt / "processing/input/model/model.tar.gz")
    assert said in refusal(planned_opt, capsys)


def test_a_model_with_another_head_than_it_says(
    planned_opt: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = save_model(tmp_path / "bad")
    settings = read(folder, "model.json") | {"classes": [1, 3, 5, 7]}
    (folder / "model.json").write_text(json.dumps(settings))
    pack(folder, planned_opt / "processing/input/model/model.tar.gz")
    assert "size mismatch" in refusal(planned_opt, capsys)


def test_a_model_whose_training_diverged(
    planned_opt: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import torch

    folder = save_model(tmp_path / "bad")
    state = torch.load(folder / "model.pt", weights_only=True)
    torch.save({k: v * float("nan") if v.is_floating_point() else v for k, v in state.items()},
               folder / "model.pt")  # fmt: skip
    artifact.seal(folder)
    pack(folder, planned_opt / "processing/input/model/model.tar.gz")
    assert "its training has diverged" in refusal(planned_opt, capsys)


def test_counts_that_the_model_does_not_know(
    planned_opt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = planned_opt / "processing/input/test"
    (test / "5").rename(test / "6")
    message = refusal(planned_opt, capsys)
    assert "counts that the model does not know: 6 (the model knows 1, 3, 5)" in message


def test_an_image_that_is_none(planned_opt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = planned_opt / "processing/input/test/3/99999.jpg"
    file.write_bytes(b"\xff\xd8\xff\xe0 and no more")
    assert f"test image {file} is refused" in refusal(planned_opt, capsys)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda i: shutil.rmtree(i / "test"), "no test set at", id="no test set"),
        pytest.param(
            lambda i: [file.unlink() for file in i.glob("test/*/*")], "is empty", id="empty"
        ),
        pytest.param(
            lambda i: (i / "test" / "many").mkdir(), "many is not a count", id="not a count"
        ),
        pytest.param(
            lambda i: (i / "manifest" / "manifest.json").unlink(),
            "it is Prepare's output 'manifest'",
            id="no manifest",
        ),
        pytest.param(
            lambda i: (i / "manifest" / "manifest.json").write_text("[]"),
            "is not Prepare's manifest",
            id="another manifest",
        ),
        pytest.param(
            lambda i: (i / "manifest" / "manifest.json").write_text('{"counts":{"train":{}}}'),
            "counts no training image",
            id="no training images",
        ),
    ],
)
def test_an_input_that_is_missing_or_another(
    planned_opt: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], object],
    said: str,
) -> None:
    spoil(planned_opt / "processing" / "input")
    assert said in refusal(planned_opt, capsys)


@pytest.mark.parametrize("size", ["0", "-1", "two"])
def test_a_batch_size_that_is_none(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        evaluate.main(["--batch-size", size])
    assert left.value.code == 2
    assert "--batch-size" in (said := capsys.readouterr().err)
    assert "whole number above 0" in said
