"""The drawn bins: the layout of the real data, true counts, the same bytes each time."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from demo.bins import FIRST_ID, DrawingError, draw, main, plan

BINS = 40
SEED = 3


@pytest.fixture(scope="module")
def bins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "bins"
    draw(folder, bins=BINS, seed=SEED)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def sound() -> list[str]:
    return [drawing.id for drawing in plan(BINS, SEED) if not drawing.flaw]


def test_layout_is_that_of_the_real_data_set(bins: Path) -> None:
    assert {path.name for path in bins.iterdir()} == {"bin-images", "metadata", "README.txt"}
    assert {path.suffix for path in (bins / "bin-images").iterdir()} == {".jpg"}
    assert {path.suffix for path in (bins / "metadata").iterdir()} == {".json"}
    assert "not data" in (bins / "README.txt").read_text()


def test_no_drawn_bin_has_the_id_of_a_real_one(bins: Path) -> None:
    ids = {int(path.stem) for path in bins.glob("*/*") if path.is_file()}
    assert min(ids) > 535_234


def test_metadata_has_the_full_schema_and_adds_up(bins: Path) -> None:
    for name in sound():
        content = json.loads((bins / "metadata" / f"{name}.json").read_text())
        assert set(content) == {"BIN_FCSKU_DATA", "EXPECTED_QUANTITY"}
        for key, entry in content["BIN_FCSKU_DATA"].items():
            assert entry["asin"] == key
            assert set(entry) == {
                *("asin", "height", "length", "name"),
                *("normalizedName", "quantity", "weight", "width"),
            }
            assert all(entry[d] is None or entry[d]["unit"] == "IN" for d in ("height", "width"))
        quantities = [entry["quantity"] for entry in content["BIN_FCSKU_DATA"].values()]
        assert content["EXPECTED_QUANTITY"] == sum(quantities)


def test_counts_are_the_items_drawn(bins: Path) -> None:
    for drawing in plan(BINS, SEED):
        if drawing.flaw:
            continue
        metadata = bins / "metadata" / f"{drawing.id}.json"
        count = json.loads(metadata.read_text())["EXPECTED_QUANTITY"]
        assert count == len(drawing.scene.contents.items)


def test_images_decode_and_have_the_sizes_of_real_ones(bins: Path) -> None:
    sizes = set()
    for name in sound():
        with Image.open(bins / "bin-images" / f"{name}.jpg") as image:
            image.load()
            sizes.add(image.size)
    assert len(sizes) > 8
    assert all(240 <= width <= 620 and 150 <= height <= 620 for width, height in sizes)


def test_each_count_from_one_to_five_is_common_and_the_rest_rare() -> None:
    counts = [len(drawing.scene.contents.items) for drawing in plan(700)]
    assert all(counts.count(count) >= 70 for count in range(1, 6))
    assert 0 < counts.count(0) < 70
    assert 20 < sum(count > 5 for count in counts) < 160


def test_about_a_third_of_neighbours_are_one_bin_and_the_others_share_no_product() -> None:
    drawings = list(plan(700))
    pairs = list(itertools.pairwise(drawings))
    shared = 0
    for before, after in pairs:
        asins = [{i.product.asin for i in d.scene.contents.items} for d in (before, after)]
        same_bin = before.scene.bin_look == after.scene.bin_look
        assert same_bin == bool(asins[0] & asins[1])
        if same_bin:
            change = len(after.scene.contents.items) - len(before.scene.contents.items)
            assert abs(change) == 1
            kept = set(before.scene.contents.items) & set(after.scene.contents.items)
            assert len(kept) == min(len(d.scene.contents.items) for d in (before, after))
        shared += same_bin
    assert 0.28 < shared / len(pairs) < 0.42


def test_one_in_a_hundred_is_broken_in_each_way(tmp_path: Path) -> None:
    flaws = [drawing.flaw for drawing in plan(400) if drawing.flaw]
    assert sorted(flaws) == ["cut image", "cut metadata", "no image", "no metadata"]


def test_the_broken_bin_is_broken(bins: Path) -> None:
    (flawed,) = (d for d in plan(BINS, SEED) if d.flaw)
    image = bins / "bin-images" / f"{flawed.id}.jpg"
    assert flawed.flaw == "cut image"
    with pytest.raises(OSError, match="truncated"), Image.open(image) as opened:
        opened.load()


def test_an_interrupted_run_is_completed_to_the_same_bytes(bins: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bins"
    shutil.copytree(bins, folder)
    (folder / "README.txt").unlink()
    (folder / ".unfinished").write_text(f"bins {BINS}, seed {SEED}\n")
    for name in sound()[::9]:
        (folder / "bin-images" / f"{name}.jpg").unlink()
    (folder / "metadata" / f"{sound()[1]}.json").unlink()
    draw(folder, bins=BINS, seed=SEED)
    assert files(folder) == files(bins)


def test_an_interruption_tells_how_to_continue(tmp_path: Path) -> None:
    folder = tmp_path / "bins"
    command = [sys.executable, "-m", "demo.bins", "--output", str(folder), "--bins", "400"]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs tests in the background has them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        start_new_session=True,
    ) as process:
        try:
            end = time.monotonic() + 20
            while not list(folder.glob("bin-images/*.jpg")) and time.monotonic() < end:
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGINT)
            _, stderr = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "to draw the rest" in stderr and "Traceback" not in stderr
    assert not (folder / "README.txt").exists()


def test_one_process_draws_the_same_bytes_as_two(bins: Path, tmp_path: Path) -> None:
    draw(tmp_path / "few", bins=12, seed=SEED)  # too few for a second process
    many, few = files(bins), files(tmp_path / "few")
    for name in [name for name in few if Path(name).stem in sound()]:
        assert few[name] == many[name], name


def test_another_seed_draws_other_bins(bins: Path, tmp_path: Path) -> None:
    draw(tmp_path / "other", bins=3, seed=SEED + 1)
    for number in range(3):
        name = f"bin-images/{FIRST_ID + number}.jpg"
        assert (tmp_path / "other" / name).read_bytes() != files(bins).get(name)


def test_a_folder_with_other_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DrawingError, match="has other content"):
        draw(tmp_path, bins=2)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(("option", "value"), [("--bins", "0"), ("--seed", "-1")])
def test_impossible_arguments_are_refused(
    tmp_path: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path / "bins"), option, value]) == 2
    assert "allowed are" in capsys.readouterr().err
    assert not (tmp_path / "bins").exists()


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["--output", str(tmp_path / "file")]) == 1
    assert f"cannot write to {tmp_path}/file: " in capsys.readouterr().err


def test_the_help_names_the_options_and_that_it_is_no_data() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo.bins", "--help"], capture_output=True, text=True, check=True
    )
    assert "not data" in done.stdout and "--seed" in done.stdout
