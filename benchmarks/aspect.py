"""What the shape of a photo tells about the count, and whether padding beats squeezing it.

Every image is squeezed into a square before the network sees it. Here the photos at their original
size are looked at once as they are squeezed and once padded to a square in grey, by a network with
ImageNet's weights that does not learn; a logistic regression on what it sees, with and without the
photo's shape, is fitted on nine tenths of the photos and judged on the last, in ten folds that keep
neighbouring ids together. About a minute for the 999 originals that come with the data set.

    .venv-steps/bin/python benchmarks/aspect.py FOLDER_OF_ORIGINALS
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sources
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import network
import pixels
from preparation.metadata import parse
from training.model import weights

SIZE = 192
MOST = 6  # "6 or more"
NEIGHBOURS = 20  # ids in a row that stay in one fold: they can be one bin
GREY = (128, 128, 128)
Numbers = NDArray[np.float64]


def bins(folder: Path) -> tuple[list[bytes], NDArray[np.int64], NDArray[np.int64]]:
    """The bytes of each photo, its count up to MOST, and the group of its neighbours."""
    bodies, counts, groups = [], [], []
    for file in sorted(folder.glob("bin-images/*.jpg")):
        record = parse(file.stem, (folder / "metadata" / f"{file.stem}.json").read_bytes())
        bodies.append(file.read_bytes())
        counts.append(min(record.count, MOST))
        groups.append(int(file.stem) // NEIGHBOURS)
    return bodies, np.array(counts), np.array(groups)


def squeezed(body: bytes) -> pixels.Pixels:
    """As Prepare, Train and the endpoint do it."""
    return pixels.decode(body, SIZE)


def padded(body: bytes) -> pixels.Pixels:
    """With its aspect kept, grey beside it."""
    with Image.open(io.BytesIO(body)) as image:
        whole = ImageOps.exif_transpose(image).convert("RGB")
        return np.asarray(ImageOps.pad(whole, (SIZE, SIZE), Image.Resampling.BILINEAR, GREY))


def features(bodies: list[bytes], square: Callable[[bytes], pixels.Pixels]) -> Numbers:
    """What the network sees in each photo (n, features)."""
    model = weights.pretrained(network.SHIPPED, MOST + 1).eval()
    mean, std = (
        torch.tensor(part).view(1, 3, 1, 1) for part in network.normalisation(network.SHIPPED)
    )
    found: list[torch.Tensor] = []
    network.head_of(model).register_forward_pre_hook(
        lambda _, given: found.append(given[0].clone())
    )
    with torch.inference_mode():
        for start in range(0, len(bodies), 32):
            batch = np.stack([square(body) for body in bodies[start : start + 32]])
            model((torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255 - mean) / std)
    seen: Numbers = torch.cat(found).double().numpy()
    return seen


def shape(bodies: list[bytes]) -> Numbers:
    """Logarithms of aspect and area of each photo (n, 2)."""
    sides = np.array([pixels.size_of(body) for body in bodies], dtype=float)
    return np.stack([np.log(sides[:, 0] / sides[:, 1]), np.log(sides.prod(1))], axis=1)


def main() -> None:
    """Print log loss and accuracy of each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=sources.folder, help="folder with bin-images/ and metadata/")
    bodies, counts, groups = bins(parser.parse_args().folder)
    by_shape = shape(bodies)
    ways: dict[str, tuple[Numbers, ...]] = {"the shape alone": (by_shape,)}
    for name, square in {"squeezed": squeezed, "padded": padded}.items():
        seen = features(bodies, square)
        ways[name] = (seen,)
        ways[f"{name}, and the shape"] = (seen, by_shape)
    shares = np.bincount(counts, minlength=MOST + 1) / len(counts)
    base = -np.log(shares[counts])
    print(f"{len(counts)} photos, {len(set(groups.tolist()))} groups\n")
    print("| what is known | exact | log loss | difference to squeezed |")
    print("|---|---|---|---|")
    print(f"| nothing but the shares of the counts | {shares.max():.1%} | {base.mean():.4f} | |")
    losses: dict[str, Numbers] = {}
    for name, parts in ways.items():
        probabilities = judged(parts, counts, groups)
        losses[name] = -np.log(probabilities[np.arange(len(counts)), counts])
        exact = (probabilities.argmax(1) == counts).mean()
        print(f"| {name} | {exact:.1%} | {losses[name].mean():.4f} | {more(name, losses)} |")


def judged(
    parts: tuple[Numbers, ...], counts: NDArray[np.int64], groups: NDArray[np.int64]
) -> Numbers:
    """Probabilities (n, counts) of each photo by a regression that has not seen its group."""
    table = np.hstack([spread(part) for part in parts])
    model = LogisticRegression(C=0.03, max_iter=2000)
    folds = GroupKFold(10)
    found: Numbers = cross_val_predict(
        model, table, counts, groups=groups, cv=folds, method="predict_proba"
    )
    return found


def spread(part: Numbers) -> Numbers:
    """Standardised numbers; of many, the 50 directions that vary most (no count is looked at)."""
    steps = [StandardScaler()]
    if part.shape[1] > 50:
        steps += [PCA(50, random_state=0), StandardScaler()]
    scaled: Numbers = make_pipeline(*steps).fit_transform(part)
    return scaled


def more(name: str, losses: dict[str, Numbers]) -> str:
    """How the log loss differs from that of the squeezed photos, with one standard error."""
    if name == "squeezed" or "squeezed" not in losses:
        return ""
    difference = losses[name] - losses["squeezed"]
    return f"{difference.mean():+.4f} ± {difference.std(ddof=1) / len(difference) ** 0.5:.4f}"


if __name__ == "__main__":
    main()
