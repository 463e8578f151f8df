"""Images per second on one core: training's loader, torchvision's reference loader, a PIL loop.

Each turns the same JPEGs into normalised float batches of 160 px, in turn, several times. Times are
CPU seconds of the process and its children, so that other jobs on the machine matter little; still,
compare the ratios. The originals are measured again as Prepare's --store-size stores them.

    nice -n 7 .venv-steps/bin/python benchmarks/loading.py [--originals FOLDER] [--small FOLDER]

The folders hold JPEGs; without them, bins are drawn.
"""

import argparse
import resource
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from repository import ROOT  # isort: skip

# Before torchvision, which it lets load beside any build of torch.
import network  # noqa: F401  # isort: skip
import simplejpeg
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import pixels
from preparation.picture import resize
from training.data.decoder import Decoder
from training.data.images import Images, normalise

SIZE, BATCH = 160, 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def whole_picture() -> v2.Compose:
    """The reference's ClassificationPresetEval, which resizes instead of cropping the edges."""
    return reference(v2.Resize((SIZE, SIZE), antialias=True))


def random_part() -> v2.Compose:
    """The reference's ClassificationPresetTrain, unchanged."""
    return reference(v2.RandomResizedCrop(SIZE, antialias=True), v2.RandomHorizontalFlip())


def reference(*resizing: torch.nn.Module) -> v2.Compose:
    """The common part of both presets in references/classification/presets.py, backend `pil`."""
    rest = v2.PILToTensor(), v2.ToDtype(torch.float, scale=True), v2.Normalize(MEAN, STD)
    return v2.Compose([*resizing, *rest])


def torchvision(folder: Path, transforms: v2.Compose, workers: int) -> None:
    """One epoch of ImageFolder and DataLoader."""
    images = ImageFolder(str(folder), transforms)
    for batch, _ in DataLoader(images, BATCH, num_workers=workers):
        assert batch.shape[1:] == (3, SIZE, SIZE)


def pil(folder: Path) -> None:
    """One epoch of a simple loop with Pillow."""
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    for files in batches(sorted(folder.glob("*/*.jpg"))):
        images = []
        for file in files:
            rgb = Image.open(file).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
            raw = torch.frombuffer(bytearray(rgb.tobytes()), dtype=torch.uint8)
            images.append((raw.view(SIZE, SIZE, 3).permute(2, 0, 1).float() / 255 - mean) / std)
        torch.stack(images)


def tally(folder: Path, workers: int = 1) -> None:
    """One epoch of training's loader when a channel does not fit into memory."""
    files = sorted(folder.glob("*/*.jpg"))
    for batch in Decoder(files, SIZE, workers).stream(torch.arange(len(files)).split(BATCH)):
        normalise(batch.float().div_(255), MEAN, STD)


def decode_only(folder: Path, any_eighth: bool) -> None:
    """Decode JPEGs to at least the required size, at a power of two or any eighth of theirs."""
    for file in folder.glob("*/*.jpg"):
        content = file.read_bytes()
        height, width, *_ = simplejpeg.decode_jpeg_header(content)
        part = pixels.fraction(width, height, SIZE)
        least = (SIZE, SIZE) if any_eighth else (-(-height // part), -(-width // part))
        simplejpeg.decode_jpeg(content, "RGB", min_height=least[0], min_width=least[1])


def batches(files: list[Path]) -> list[list[Path]]:
    """The files in batches."""
    return [files[start : start + BATCH] for start in range(0, len(files), BATCH)]


class Memory:
    """The later epochs of a channel that fits into memory."""

    def __init__(self, folder: Path) -> None:
        self._images = Images(
            Decoder(files := sorted(folder.glob("*/*.jpg")), SIZE, 2)[torch.arange(len(files))],
            torch.zeros(len(files), dtype=torch.long),
            (1,),
        )

    def __call__(self, folder: Path) -> None:
        """One epoch."""
        for _, batch in self._images.stream(torch.arange(len(self._images)).split(BATCH)):
            normalise(batch.float().div_(255), MEAN, STD)


def cpu_seconds(work: Callable[[], None]) -> float:
    """The CPU seconds of some work, ended child processes included."""

    def cpu_time() -> float:
        whose = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in whose)

    before = cpu_time()
    work()
    return cpu_time() - before


def measure(folder: Path, rounds: int) -> None:
    """Print images per CPU second of each loader on the JPEGs of a folder."""
    loaders: dict[str, Callable[[Path], None]] = {
        "ours": tally,
        "ours, later epochs, from memory": Memory(folder),
        "torchvision, whole picture": lambda f: torchvision(f, whole_picture(), 0),
        "torchvision, whole picture, one worker": lambda f: torchvision(f, whole_picture(), 1),
        "torchvision, random part": lambda f: torchvision(f, random_part(), 0),
        "PIL loop": pil,
        "decoding alone, as ours": lambda f: decode_only(f, any_eighth=False),
        "decoding alone, at any eighth": lambda f: decode_only(f, any_eighth=True),
    }
    number = len(list(folder.glob("*/*.jpg")))
    taken: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(rounds + 1):
        for name, load in loaders.items():
            taken[name].append(cpu_seconds(partial(load, folder)))
    ours = taken["ours"][1:]  # the first round warms up
    for name, seconds in taken.items():
        ratios = [theirs / mine for mine, theirs in zip(ours, seconds[1:], strict=True)]
        speed = number / statistics.median(seconds[1:])
        low, high = min(ratios), max(ratios)
        print(f"  {name:40} {speed:7.0f} images/s   ours is {statistics.median(ratios):5.2f} times "
              f"as fast ({low:.2f}-{high:.2f})")  # fmt: skip


def sample(source: Path | None, into: Path, limit: int, size: int | None) -> Path:
    """JPEGs of `source`, linked as one class of an ImageFolder; drawn bins without a source."""
    (into / "1").mkdir(parents=True)
    found = sorted(source.glob("*.jpg"))[:limit] if source else []
    for file in found:
        (into / "1" / file.name).symlink_to(file.resolve())
    if not found:
        draw(into / "1", limit, size)
    return into


def draw(folder: Path, number: int, size: int | None) -> None:
    """Draw bins of the demo, resized to `size` if it is given."""
    from demo import bins

    with tempfile.TemporaryDirectory() as work:
        bins.draw(Path(work), 2 * number)
        for file in sorted(Path(work).glob("bin-images/*.jpg"))[:number]:
            with Image.open(file) as image:
                picture = image.convert("RGB")
            (picture.resize((size, size)) if size else picture).save(folder / file.name, quality=85)


def main() -> None:
    """Measure the originals, the small images and the stored ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    abid = ROOT.parent / "shared" / "abid"
    for name, default in (("originals", "aft-vbi-pds"), ("small", "aft-vbi-pds-224")):
        found = abid / default / "bin-images"
        parser.add_argument(f"--{name}", type=Path, default=found if found.is_dir() else None,
                            help="folder of JPEGs (default: drawn bins)")  # fmt: skip
    parser.add_argument("--images", type=int, default=256, help="JPEGs of each kind (default: 256)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        originals = sample(options.originals, Path(work) / "originals", options.images, None)
        small = sample(options.small, Path(work) / "small", options.images, 224)
        stored = Path(work) / "stored"
        (stored / "1").mkdir(parents=True)
        for file in originals.glob("*/*.jpg"):
            (stored / "1" / file.name).write_bytes(resize(file.read_bytes(), SIZE))
        for folder in (originals, small, stored):
            sizes = [file.stat().st_size for file in folder.glob("*/*.jpg")]
            print(
                f"{folder.name}: {len(sizes)} JPEGs of {statistics.mean(sizes) / 1e3:.1f} kB, "
                f"to {SIZE} px, one core"
            )
            measure(folder, options.rounds)


if __name__ == "__main__":
    main()
